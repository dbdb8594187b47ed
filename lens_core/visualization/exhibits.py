"""What there is to judge of a class: its concepts' pictures, their crops, and its photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from lens_core.atlas import Atlas, AtlasClass, LensError

GREY = 0.5
_VIEW_SIDES = (0.3, 0.5)
_VIEW_CENTRES = (0.3, 0.5, 0.7)
N_VIEWS = len(_VIEW_SIDES) * len(_VIEW_CENTRES) ** 2


@dataclass(frozen=True)
class Exhibit:
    """One class of an atlas, for one dictionary.

    Attributes
    ----------
    concepts
        Ids of the k concepts that have crops and a picture.
    rows
        Their rows of the dictionary.
    pictures
        RGBA, one a concept.
    class_picture
        RGBA, or None.
    crops
        k tuples of the concepts' strongest crops.
    crop_images
        k tuples: which photograph each crop is of.
    crop_boxes
        k tuples of x0 y0 x1 y1, fractions of the model's view.
    files
        Of all photographs: their path within the images folder.
    photographs
        Where the model's views of them lie.
    """

    class_id: int
    name: str
    synonyms: tuple[str, ...]
    concepts: tuple[str, ...]
    rows: tuple[int, ...]
    pictures: tuple[Image.Image, ...]
    class_picture: Image.Image | None
    crops: tuple[tuple[Image.Image, ...], ...]
    crop_images: tuple[tuple[int, ...], ...]
    crop_boxes: tuple[tuple[tuple[float, float, float, float], ...], ...]
    files: tuple[str, ...]
    photographs: tuple[Path, ...]

    def shown_as(
        self, pictures: Sequence[Image.Image], class_picture: Image.Image | None
    ) -> Exhibit:
        """The same with other pictures."""
        return replace(self, pictures=tuple(pictures), class_picture=class_picture)

    def views(self, px: int, at_most: int) -> Tensor:
        """Photographs (n, 3, px, px) in [0, 1], as the model sees them."""
        return torch.stack([to_tensor(_open(path), px) for path in self.photographs[:at_most]])


def looks(one: AtlasClass, dictionary: str, atlas: Atlas) -> dict[str, Path]:
    """Where the pictures of a class's concepts lie, by concept id; those of dictionaries that all
    classes share lie with the atlas."""
    if atlas.dictionary(dictionary).scope == "shared":
        concepts = atlas.shared(dictionary).by_row
        mine = [concepts[c.row] for c in one.info.of_dictionary(dictionary) if c.row in concepts]
        return {c.id: atlas.path(c.visualization) for c in mine if c.visualization}
    own = one.info.of_dictionary(dictionary)
    return {c.id: one.path(c.visualization) for c in own if c.visualization}


def exhibit(
    one: AtlasClass, dictionary: str, pictures: Mapping[str, Path] | None = None
) -> Exhibit | None:
    """What the atlas has of a class; None if fewer than two of its concepts can be judged.

    Parameters
    ----------
    pictures
        Of its concepts, see :func:`looks`: only those that have one are shown. None: all are, with
        nothing for a picture.
    """
    info = one.info
    concepts = [
        concept
        for concept in info.of_dictionary(dictionary)
        if concept.crops and (pictures is None or concept.id in pictures)
    ]
    if len(concepts) < 2:
        return None
    table, images = one.crops, one.images
    boxes = list(table[["x0", "y0", "x1", "y1"]].itertuples(index=False, name=None))
    of_image = table["image"].tolist()
    blank = Image.new("RGBA", (1, 1))
    return Exhibit(
        class_id=info.id,
        name=info.name,
        synonyms=tuple(info.synonyms),
        concepts=tuple(concept.id for concept in concepts),
        rows=tuple(concept.index for concept in concepts),
        pictures=tuple(
            blank if pictures is None else _open(pictures[concept.id]).convert("RGBA")
            for concept in concepts
        ),
        class_picture=(
            _open(one.path(info.visualization)).convert("RGBA") if info.visualization else None
        ),
        crops=tuple(
            tuple(_open(one.path(name)).convert("RGB") for name in concept.crops)
            for concept in concepts
        ),
        crop_images=tuple(tuple(of_image[r] for r in c.crop_rows) for c in concepts),
        crop_boxes=tuple(tuple(boxes[r] for r in c.crop_rows) for c in concepts),
        files=tuple(images["file"]),
        photographs=tuple(one.path(name) for name in images["picture"]),
    )


def photographs(one: AtlasClass, px: int, at_most: int) -> Tensor:
    """The first photographs of a class (n, 3, px, px) in [0, 1], as the model sees them."""
    names = one.images["picture"].iloc[:at_most]
    return torch.stack([to_tensor(_open(one.path(name)), px) for name in names])


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as opened:
            opened.load()
            return opened.copy()
    except OSError as error:
        reason = " ".join(str(error).split())
        raise LensError(
            f"{path}: cannot be read as a picture ({reason}); check the atlas with "
            "'lens atlas verify'"
        ) from error


def to_tensor(picture: Image.Image, px: int | None = None) -> Tensor:
    """RGB (3, H, W) in [0, 1]; what is transparent shows mid-grey behind it."""
    if px is not None:
        picture = picture.resize((px, px), Image.Resampling.BILINEAR)
    values = np.asarray(picture.convert("RGBA"), dtype=np.float32).transpose(2, 0, 1) / 255
    rgb, alpha = values[:3], values[3:]
    return torch.from_numpy(rgb * alpha + GREY * (1 - alpha))


def opacity(picture: Image.Image) -> Tensor:
    """(H, W) in [0, 1]."""
    alpha = np.asarray(picture.convert("RGBA"), dtype=np.float32)[..., 3] / 255
    return torch.from_numpy(alpha.copy())


def views_of(picture: Image.Image, px: int) -> tuple[Tensor, Tensor]:
    """Parts of a picture as a model sees crops: (v, 3, px, px), and their weights (v,), total 1.

    Nine places, three and five tenths of the side each; weights are their mean opacity, so that
    empty corners do not count.
    """
    rgb, alpha = to_tensor(picture), opacity(picture)
    size = rgb.shape[-1]
    parts, weights = [], []
    for side in _VIEW_SIDES:
        for y in _VIEW_CENTRES:
            for x in _VIEW_CENTRES:
                left, top = (round(max(0.0, at - side / 2) * size) for at in (x, y))
                right, bottom = (round(min(1.0, at + side / 2) * size) for at in (x, y))
                part = rgb[None, :, top:bottom, left:right]
                parts.append(
                    functional.interpolate(
                        part, (px, px), mode="bilinear", align_corners=False, antialias=True
                    )
                )
                weights.append(alpha[top:bottom, left:right].mean())
    seen = torch.stack(weights).clamp(min=1e-6)
    return torch.cat(parts), seen / seen.sum()
