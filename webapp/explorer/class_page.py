"""The class page: cluster graph, concepts, proximity, and how far to trust them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lens_core.atlas import AtlasClass, ClassEntry, ClassInfo, ConceptInfo

from . import tables
from .attributions import attributed_links
from .book import AtlasBook, method_name, number, plain, synonyms, title, unit_word
from .concept_views import concept_view, css_color
from .figures import columns, densest, fill_box, fit_to_box, push_apart, umap_columns, written
from .image_page import image_numbers, surest
from .links import Links, class_path, image_path, maps_path, table_path
from .pages import (
    ClassPage,
    ClusterMark,
    ConceptView,
    DictionaryTab,
    FitView,
    NodeView,
    Picture,
    PointView,
    ShareView,
)
from .samples import samples
from .shared_pages import closest_classes
from .steering import curves_of, steering_data, steering_view
from .trust import trust_view

CLUSTER_BOX = (720.0, 460.0, 24.0)
PROXIMITY_BOX = (560.0, 420.0, 44.0)
IMAGE = "IMAGE"
"""Stands for an image's number in the address that the page's script fills in."""
MAX_CARDS = 10
"""Concepts shown as cards; a dictionary of units has more."""
MAX_SHARED_CARDS = 40


def class_page(book: AtlasBook, class_id: int, links: Links, dictionary: str | None) -> ClassPage:
    """Everything on the page of one class, seen through one dictionary.

    Raises
    ------
    LensError
        If the atlas has no such class or dictionary.
    """
    entry = book.atlas.entry(class_id)
    chosen = book.atlas.dictionary(dictionary or book.main.id)
    loaded = book.load(class_id)
    info = book.info(class_id)
    all_concepts = info.of_dictionary(chosen.id)
    # Of a shared dictionary a class holds no more than its build was told to show.
    concepts = all_concepts[: MAX_SHARED_CARDS if chosen.scope == "shared" else MAX_CARDS]
    curves = curves_of(loaded, chosen.id)
    views = tuple(
        replace(
            concept_view(book, entry, c, links, loaded.crops), steering=steering_view(c, curves)
        )
        for c in concepts
    )
    shares, zero = _shares(info, chosen.id, views)
    contributions = _optional_array(loaded, f"{chosen.id}/contributions")
    told = chosen.scope == "shared" and chosen.id == book.main.id
    top = _top_concepts(loaded, None if told else contributions)
    umap = umap_columns(loaded.images)
    umap = None if umap is None else fill_box(umap, *CLUSTER_BOX)
    points, marks = _cluster(loaded.images, umap, top, all_concepts)
    before, after = book.neighbours(class_id)
    word = unit_word(chosen)
    return ClassPage(
        id=class_id,
        title=title(info.name),
        synonyms=synonyms(entry),
        dictionary=chosen.id,
        unit_word=word,
        method=method_name(chosen.method),
        layer=chosen.layer,
        n_directions=chosen.n_concepts,
        shared=chosen.scope == "shared",
        n_images=info.n_images,
        n_candidates=info.n_candidates,
        n_held_out=info.n_held_out,
        accuracy=info.accuracy,
        n_important=sum(concept.important for concept in all_concepts),
        visualization=_visualization(info, entry, links),
        visualized=any(map(book.is_visualized, concepts)),
        cover=book.cover(entry, links),
        cover_link=None
        if contributions is None or loaded.images.empty
        else links.page(image_path(class_id, chosen.id, surest(loaded.images))),
        attributed=() if contributions is None else attributed_links(info, chosen.id, links),
        tabs=_tabs(book, class_id, links, chosen.id),
        concepts=views,
        points=points,
        marks=marks,
        n_grey=sum(point.css == "c-none" for point in points),
        umap="" if umap is None else written(np.rint(umap)),
        # Units are at right angles to one another: a map of them would show nothing.
        nodes=_proximity(concepts, views) if chosen.basis == "concepts" else (),
        shares=shares,
        share_zero=zero,
        fit=_fit(info, chosen.id),
        trust=trust_view(book, info, chosen),
        closest=closest_classes(book, class_id, chosen, links),
        samples=samples(book, loaded, entry, chosen, top, links)
        if chosen.scope == "shared" and contributions is not None
        else (),
        previous=(title(before.name), links.page(class_path(before.id))) if before else None,
        following=(title(after.name), links.page(class_path(after.id))) if after else None,
        tables={name: links.data(table_path(class_id, chosen.id, name)) for name in tables.TABLES},
        data=_data(book, loaded, entry, chosen.id, links, all_concepts, top, contributions)
        | {"steering": steering_data(concepts, curves)},
    )


def _optional_array(loaded: AtlasClass, name: str) -> NDArray[np.float64] | None:
    try:
        return np.asarray(loaded.array(name), dtype=np.float64)
    except (KeyError, FileNotFoundError):
        return None


def _top_concepts(
    loaded: AtlasClass, contributions: NDArray[np.float64] | None
) -> NDArray[np.int64]:
    """Row of the most important concept of each image; −1 if the class does not show it."""
    if contributions is not None:
        return np.asarray(contributions.argmax(axis=1), dtype=np.int64)
    return loaded.images["top_concept"].to_numpy(dtype=np.int64)


def _cluster(
    images: pd.DataFrame,
    other: NDArray[np.float64] | None,
    top: NDArray[np.int64],
    concepts: tuple[ConceptInfo, ...],
) -> tuple[tuple[PointView, ...], tuple[ClusterMark, ...]]:
    """Dots and labels; `other` are their places (n, 2) in the figure by UMAP."""
    xy = fill_box(columns(images, "x", "y"), *CLUSTER_BOX)
    css = {concept.index: css_color(concept) for concept in concepts}
    points = tuple(
        PointView(x, y, css.get(t, "c-none"))
        for (x, y), t in zip(np.rint(xy).astype(int).tolist(), top.tolist(), strict=True)
    )
    marks = []
    for concept in concepts:
        mine = top == concept.index
        if css_color(concept) != "c-none" and mine.any():
            x, y = densest(xy[mine])
            marks.append(
                ClusterMark(
                    round(float(x), 1),
                    round(float(y), 1),
                    css_color(concept),
                    number(concept),
                    concept.id,
                    "" if other is None else written(densest(other[mine])),
                )
            )
    return points, tuple(marks)


def _proximity(
    concepts: tuple[ConceptInfo, ...], views: tuple[ConceptView, ...]
) -> tuple[NodeView, ...]:
    """Area follows importance, so that the map shows both at once."""
    if not concepts:
        return ()
    width, height, pad = PROXIMITY_BOX
    xy = fit_to_box(np.array([c.position for c in concepts], dtype=np.float64), width, height, pad)
    share = np.array([max(c.importance, 0.0) for c in concepts])
    largest = float(share.max()) or 1.0
    radii = 17 + 27 * np.sqrt(share / largest)
    xy = push_apart(xy, radii, width, height)
    return tuple(
        NodeView(round(float(x), 1), round(float(y), 1), round(float(r), 1), view)
        for (x, y), r, view in zip(xy, radii, views, strict=True)
    )


def _shares(
    info: ClassInfo, dictionary: str, views: tuple[ConceptView, ...]
) -> tuple[tuple[ShareView, ...], float]:
    """The pieces that total 100 % of the class's logit; negative ones lie left of zero."""
    pieces = [(v.css, v.label, v.importance, v.number) for v in views]
    shown = {view.id for view in views}
    rest = sum(c.importance for c in info.of_dictionary(dictionary) if c.id not in shown)
    rest += sum(fit.others for fit in info.fits if fit.dictionary == dictionary)
    if abs(rest) > 1e-9:
        pieces.append(("c-none", "Others", rest, ""))
    for fit in info.fits:
        if fit.dictionary == dictionary:
            pieces += [
                ("c-residual", "Residual", fit.residual, ""),
                ("c-bias", "Bias", fit.bias, ""),
            ]
    negative = [piece for piece in pieces if piece[2] < 0]
    positive = [piece for piece in pieces if piece[2] > 0]
    below = -sum(piece[2] for piece in negative)
    whole = below + sum(piece[2] for piece in positive) or 1.0
    shares, start = [], 0.0
    for css, label, share, number_text in negative + positive:
        width = 100 * abs(share) / whole
        shares.append(
            ShareView(
                start=round(start, 3),
                width=round(width, 3),
                css=css,
                label=label,
                share=share,
                text=number_text if width > 4 else "",
            )
        )
        start += width
    return tuple(shares), round(100 * below / whole, 3)


def _fit(info: ClassInfo, dictionary: str) -> FitView | None:
    for fit in info.fits:
        if fit.dictionary == dictionary:
            return FitView(fit.residual, fit.bias, fit.error_crops, fit.error_held_out)
    return None


def _visualization(info: ClassInfo, entry: ClassEntry, links: Links) -> Picture | None:
    if info.visualization is None:
        return None
    return Picture(
        links.file(f"{entry.dir}/{info.visualization}"),
        f"Feature visualization of the class {plain(info.name)}",
    )


def _tabs(book: AtlasBook, class_id: int, links: Links, current: str) -> tuple[DictionaryTab, ...]:
    dictionaries = [d for d in book.atlas.dictionaries if not d.depth]
    if len(dictionaries) < 2:
        return ()
    layers = {d.layer for d in dictionaries}
    scopes = {d.scope for d in dictionaries}
    return tuple(
        DictionaryTab(
            label=(
                f"Shared {unit_word(d).lower()}s"
                if d.scope == "shared" and len(scopes) > 1
                else f"{unit_word(d)}s"
            )
            + (f" of {d.layer}" if len(layers) > 1 else ""),
            hint=f"{d.n_concepts} {'for all classes' if d.scope == 'shared' else 'per class'}, "
            f"{method_name(d.method)}, layer {d.layer}",
            link=links.page(class_path(class_id, None if d.id == book.main.id else d.id)),
            current=d.id == current,
        )
        for d in dictionaries
    )


def _data(
    book: AtlasBook,
    loaded: AtlasClass,
    entry: ClassEntry,
    dictionary: str,
    links: Links,
    concepts: tuple[ConceptInfo, ...],
    top: NDArray[np.int64],
    contributions: NDArray[np.float64] | None,
) -> dict[str, Any]:
    """What the page's script needs to answer a pointer: columns, a value an image."""
    images = loaded.images
    share = (
        contributions[np.arange(len(top)), top] if contributions is not None else np.zeros(len(top))
    )
    pictures = images["picture"].tolist()
    usual = all(name == f"images/{i:04d}.webp" for i, name in enumerate(pictures))
    data: dict[str, Any] = {
        "pictures": links.file(f"{entry.dir}/").partition("?")[0],
        "version": book.version,
        "picture": None if usual else pictures,
        "top": top.tolist(),
        "share": [
            round(float(value), 2) if row >= 0 else None
            for value, row in zip(share, top, strict=True)
        ],
        "probability": [round(float(value), 2) for value in images["probability"]],
        "split": [int(split == "held_out") for split in images["split"]],
        "concepts": [
            {
                "id": concept.id,
                "index": concept.index,
                "label": book.label(concept, entry.id),
                "css": css_color(concept),
            }
            for concept in concepts
        ],
    }
    if contributions is not None:
        numbers = image_numbers(book, entry.id, static=links.is_static)
        data["pages"] = {
            "address": links.page(image_path(entry.id, dictionary, IMAGE)),
            "numbers": None if len(numbers) == len(images) else list(numbers),
        }
    if f"{dictionary}/maps" in loaded.array_names():
        data["maps"] = links.data(maps_path(entry.id, dictionary))
    return data
