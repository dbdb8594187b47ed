"""The page of one image: what its logit is made of, concept by concept, and where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lens_core.atlas import AtlasClass, ClassInfo, ConceptInfo, DictionaryInfo

from .attributions import AttributionView, attributed_links, attribution_views
from .book import AtlasBook, plain, title, unit_word
from .concept_views import css_color
from .links import (
    Links,
    attribution_table_path,
    class_path,
    image_path,
    maps_path,
    table_path,
)
from .pages import Picture

N_ROWS = 10
"""Concepts with a row of their own in the waterfall."""
N_MAPS = 5
LEAST = 0.005
"""Parts of the logit below read as 0.00 and are added up in one row."""
STATIC_PAGES = 4000
"""Pages of images in a static site, over all classes; a server has one for each."""
EXACT = "closed form"
"""In the estimator's name where the head's bias is the same for all images."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One row of the waterfall; bar and running total in percent of the figure's width."""

    label: str
    css: str
    value: float
    link: str | None = None
    row: int | None = None
    start: float = 0.0
    width: float = 0.0
    after: float = 0.0


@dataclass(frozen=True)
class ImagePage:
    """Everything on the page of one image."""

    number: int
    n_images: int
    class_title: str
    class_link: str
    unit_word: str
    file: str
    held_out: bool
    picture: Picture
    predicted: str
    is_own: bool
    probability: float
    logit: float
    steps: tuple[Step, ...]
    zero: float
    unseen: bool
    exact: bool
    shown: tuple[Step, ...]
    maps: str | None
    table: str
    attributions: tuple[AttributionView, ...]
    attributed: tuple[tuple[int, str], ...]
    curves: str
    previous: str | None
    following: str | None


@dataclass(frozen=True)
class Decision:
    """What the logits of a class's images are made of, in units of the logit.

    Attributes
    ----------
    logit
        (n,).
    concepts
        (n, r), columns as the dictionary's rows that the class shows.
    bias
        The same for all images; None where the atlas does not tell it apart from the residual.
    residual
        (n,) what then is missing to the logit.
    """

    logit: Floats
    concepts: Floats
    bias: float | None
    residual: Floats


def decision(loaded: AtlasClass, info: ClassInfo, dictionary: DictionaryInfo) -> Decision:
    """Take the logits of a class apart.

    Raises
    ------
    KeyError
        If the atlas holds no contributions of this dictionary.
    """
    logit = loaded.images["logit"].to_numpy(dtype=np.float64)
    shares = np.asarray(loaded.array(f"{dictionary.id}/contributions"), dtype=np.float64)
    concepts = shares * np.abs(logit)[:, None]
    fit = next((fit for fit in info.fits if fit.dictionary == dictionary.id), None)
    bias = None
    if fit is not None and EXACT in dictionary.importance:
        bias = fit.bias * float(logit.mean())
    return Decision(logit, concepts, bias, logit - concepts.sum(axis=1) - (bias or 0.0))


def decision_table(book: AtlasBook, class_id: int, dictionary: str) -> pd.DataFrame:
    """All images of a class, a row each; concepts, residual and bias total the logit."""
    loaded, info = book.load(class_id), book.info(class_id)
    names = {concept.index: concept.id for concept in info.of_dictionary(dictionary)}
    try:
        found = decision(loaded, info, book.atlas.dictionary(dictionary))
    except (KeyError, FileNotFoundError):
        return pd.DataFrame(columns=["image", "file", "logit"])
    parts = {names.get(i, f"{dictionary}-{i}"): column for i, column in enumerate(found.concepts.T)}
    table = loaded.images[["image", "file"]].assign(**parts, residual=found.residual)
    if found.bias is not None:
        table = table.assign(bias=found.bias)
    return table.assign(logit=found.logit)


def image_numbers(book: AtlasBook, class_id: int, *, static: bool) -> tuple[int, ...]:
    """Images of a class that have a page: all on a server, some of many in a static site.

    The surest one, which the class page shows first, and those with attribution maps are always
    among them.
    """
    images = book.load(class_id).images
    n = len(images)
    roots = [d for d in book.atlas.dictionaries if not d.depth]
    at_most = max(1, STATIC_PAGES // (len(book.atlas.classes) * len(roots)))
    if not static or n <= at_most:
        return tuple(range(n))
    some = np.linspace(0, n - 1, at_most).astype(int)
    attributed = book.info(class_id).attributed
    return tuple(sorted({surest(images), *(int(i) for i in some[1:]), *attributed}))


def surest(images: pd.DataFrame) -> int:
    """The image that the model is surest of."""
    return int(np.argmax(images["probability"].to_numpy()))


def image_page(
    book: AtlasBook, class_id: int, dictionary: str, number: int, links: Links
) -> ImagePage:
    """Everything on the page of one image.

    Raises
    ------
    LensError
        If the atlas has no such class or dictionary.
    KeyError
        If the class has no such image, or the atlas does not say what its logit is made of.
    """
    entry, chosen = book.atlas.entry(class_id), book.atlas.dictionary(dictionary)
    loaded, info = book.load(class_id), book.info(class_id)
    images = loaded.images
    numbers = image_numbers(book, class_id, static=links.is_static)
    if chosen.depth or number not in numbers:
        raise KeyError(number)
    found = decision(loaded, info, chosen)
    image = images.iloc[number]
    logit = float(found.logit[number])
    other = None if chosen.id == book.main.id else chosen.id
    steps, zero = _place(_steps(book, info, chosen, found, number, links, other), logit)
    predicted = int(image["predicted"])
    labels = book.atlas.manifest.model.labels
    name = labels[predicted] if 0 <= predicted < len(labels) else info.name
    has_maps = f"{chosen.id}/maps" in loaded.array_names()
    place = numbers.index(number)

    def beside(step: int) -> str | None:
        there = place + step
        if not 0 <= there < len(numbers):
            return None
        return links.page(image_path(class_id, chosen.id, numbers[there]))

    return ImagePage(
        number=number,
        n_images=len(images),
        class_title=title(info.name),
        class_link=links.page(class_path(class_id, other)),
        unit_word=unit_word(chosen),
        file=str(image["file"]),
        held_out=image["split"] == "held_out",
        picture=Picture(
            links.file(f"{entry.dir}/{image['picture']}"),
            f"Image {number} of {plain(info.name)}",
        ),
        predicted=title(name.partition(",")[0]),
        is_own=predicted == class_id,
        probability=float(image["probability"]),
        logit=logit,
        steps=steps,
        zero=zero,
        unseen=chosen.scope == "shared",
        exact=found.bias is not None,
        shown=tuple(s for s in steps if s.row is not None and s.value >= LEAST)[:N_MAPS],
        maps=links.data(maps_path(class_id, chosen.id)) if has_maps else None,
        table=links.data(table_path(class_id, chosen.id, "contributions")),
        attributions=attribution_views(loaded, number, links),
        attributed=attributed_links(info, chosen.id, links),
        curves=links.data(attribution_table_path(class_id)),
        previous=beside(-1),
        following=beside(1),
    )


def _steps(
    book: AtlasBook,
    info: ClassInfo,
    chosen: DictionaryInfo,
    found: Decision,
    number: int,
    links: Links,
    other: str | None,
) -> list[Step]:
    """The largest parts first, then what is left of the concepts, the residual and the bias."""
    values = found.concepts[number]
    by_row: dict[int, ConceptInfo] = {c.index: c for c in info.of_dictionary(chosen.id)}
    ranked = [int(i) for i in np.argsort(-np.abs(values), kind="stable") if int(i) in by_row]
    own = [i for i in ranked[:N_ROWS] if abs(values[i]) >= LEAST]
    steps = [
        Step(
            label=book.label(by_row[i], info.id),
            css=css_color(by_row[i]),
            value=float(values[i]),
            link=links.concept(info.id, by_row[i].id, other),
            row=i,
        )
        for i in own
    ]
    rest = float(values.sum() - values[own].sum())
    if abs(rest) > 1e-9:
        steps.append(Step(f"Other {unit_word(chosen).lower()}s", "c-none", rest))
    steps.append(Step("Residual", "c-residual", float(found.residual[number])))
    if found.bias is not None:
        steps.append(Step("Bias", "c-bias", found.bias))
    return steps


def _place(steps: list[Step], logit: float) -> tuple[tuple[Step, ...], float]:
    """Bars that begin where the one above ends, in percent, and where zero is."""
    ends = np.cumsum([step.value for step in steps])
    low, high = min(0.0, float(ends.min())), max(0.0, float(ends.max()), logit)
    scale = 100 / ((high - low) or 1.0)
    placed, before = [], 0.0
    for step, after in zip(steps, ends, strict=True):
        left = min(before, float(after))
        placed.append(
            replace(
                step,
                start=round((left - low) * scale, 3),
                width=round(abs(step.value) * scale, 3),
                after=round((float(after) - low) * scale, 3),
            )
        )
        before = float(after)
    return tuple(placed), round(-low * scale, 3)
