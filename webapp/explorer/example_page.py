"""One photograph taken apart, for people who see an atlas for the first time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lens_core.atlas import ConceptInfo

from .book import AtlasBook, method_name
from .concept_crops import crop_views
from .concept_views import concept_view
from .front_pages import curated_class
from .image_page import ImagePage, Step, image_numbers, image_page, surest
from .links import Links, class_path, image_path
from .number_views import TrustView
from .pages import ConceptView
from .trust import trust_view

N_CONCEPTS = 3
N_CROPS = 6
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class ExampleConcept:
    """One of the concepts that speak most for the photograph."""

    step: Step
    share: float
    view: ConceptView


@dataclass(frozen=True)
class ExamplePage:
    """Everything on the page; ``told`` is the share of the logit that the shown concepts make."""

    image: ImagePage
    image_link: str
    class_link: str
    dictionary: str
    concepts: tuple[ExampleConcept, ...]
    told: float
    boxes: tuple[Box, ...]
    method: str
    layer: str
    map_shape: tuple[int, int] | None
    stability: float | None
    error: float | None
    trust: TrustView | None


def has_example(book: AtlasBook) -> bool:
    """Whether the atlas says what the logits of single images are made of."""
    loaded = book.load(curated_class(book).id)
    held = f"{book.main.id}/contributions" in loaded.array_names()
    return held and not loaded.images.empty


def example_page(book: AtlasBook, links: Links) -> ExamplePage | None:
    """The surest image of the class that explains the atlas best.

    None if the atlas does not say what the logits of single images are made of.
    """
    entry = curated_class(book)
    loaded, info, chosen = book.load(entry.id), book.info(entry.id), book.main
    if not has_example(book):
        return None
    number = surest(loaded.images)
    if number not in image_numbers(book, entry.id, static=links.is_static):
        return None
    image = image_page(book, entry.id, chosen.id, number, links)
    whole = abs(image.logit) or 1.0
    by_row: dict[int, ConceptInfo] = {c.index: c for c in info.of_dictionary(chosen.id)}
    concepts = []
    for step in image.shown[:N_CONCEPTS]:
        assert step.row is not None
        concept = by_row[step.row]
        crops = crop_views(book, entry, concept, links, loaded.crops)
        # Pieces of other photographs show that the concept is no single picture.
        others = [crop for crop in crops if crop.image != number] or list(crops)
        view = replace(concept_view(book, entry, concept, links), crops=tuple(others[:N_CROPS]))
        concepts.append(ExampleConcept(step, step.value / whole, view))
    crops_here = loaded.crops[loaded.crops["image"] == number]
    fit = next((fit for fit in info.fits if fit.dictionary == chosen.id), None)
    return ExamplePage(
        image=image,
        image_link=links.page(image_path(entry.id, chosen.id, number)),
        class_link=links.page(class_path(entry.id)),
        dictionary=chosen.id,
        concepts=tuple(concepts),
        told=sum(one.share for one in concepts),
        boxes=tuple(
            (float(x0), float(y0), float(x1), float(y1))
            for x0, y0, x1, y1 in crops_here[["x0", "y0", "x1", "y1"]].to_numpy()
        ),
        method=method_name(chosen.method),
        layer=chosen.layer,
        map_shape=chosen.map_shape,
        stability=fit.quality.stability if fit is not None and fit.quality is not None else None,
        error=fit.error_crops if fit is not None else None,
        trust=trust_view(book, info, chosen),
    )
