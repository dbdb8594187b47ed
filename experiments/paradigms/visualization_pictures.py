"""Feature visualizations of an atlas as pictures without transparency, and blurred ones."""

from __future__ import annotations

from PIL import Image, ImageFilter

from experiments.paradigms.craft_pictures import Item
from lens_core.atlas import Atlas

GREY = (128, 128, 128)
"""Behind what is transparent, the same as the mean of what visualizations are painted on."""


def flat_visualization(atlas: Atlas, item: Item) -> Image.Image | None:
    """The concept's visualization on grey; none if the atlas has none of it."""
    loaded = atlas.load_class(item.universe.pool.class_id)
    name = loaded.concept(item.universe.concept_id).visualization
    if name is None:
        return None
    with Image.open(loaded.path(name)) as picture:
        look = picture.convert("RGBA")
    ground = Image.new("RGBA", look.size, (*GREY, 255))
    ground.alpha_composite(look)
    return ground.convert("RGB")


def blurred(picture: Image.Image, share: float) -> Image.Image:
    """The picture with a Gaussian blur of a share of its width."""
    return picture.convert("RGB").filter(ImageFilter.GaussianBlur(share * picture.width))
