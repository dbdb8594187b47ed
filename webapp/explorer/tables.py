"""The tables of a class page as CSV."""

from __future__ import annotations

import pandas as pd

from .attributions import attribution_table
from .book import AtlasBook
from .image_page import decision_table
from .steering import steering_table
from .trust import trust_table

TABLES = ("concepts", "images", "measures", "steering", "contributions")


def class_table(book: AtlasBook, class_id: int, dictionary: str, table: str) -> str:
    """One table as CSV text.

    Raises
    ------
    LensError
        If the atlas has no such class or dictionary.
    KeyError
        If there is no such table.
    """
    chosen = book.atlas.dictionary(dictionary)
    entry = book.atlas.entry(class_id)
    if table == "concepts":
        frame = _concepts(book, entry.id, chosen.id)
    elif table == "images":
        frame = book.load(entry.id).images
    elif table == "measures":
        frame = trust_table(book, book.info(entry.id), chosen.id)
    elif table == "steering":
        frame = steering_table(book.load(entry.id), chosen.id)
    elif table == "contributions":
        frame = decision_table(book, entry.id, chosen.id)
    else:
        raise KeyError(table)
    return _csv(frame)


def attributions_csv(book: AtlasBook, class_id: int) -> str:
    """The curves of a class's attribution maps as CSV text; ``KeyError`` if it has none."""
    return _csv(attribution_table(book, class_id))


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, lineterminator="\n", float_format="%.6g")


def _concepts(book: AtlasBook, class_id: int, dictionary: str) -> pd.DataFrame:
    info = book.info(class_id)
    fields: tuple[str, ...] = (
        "id", "importance", "sobol_total", "sobol_total_se", "prevalence", "reliability",
        "important", "n_crops", "ablation",
    )  # fmt: skip
    if book.atlas.dictionary(dictionary).depth:
        fields += ("parent", "share_of_parent")
    rows: list[dict[str, object]] = [
        {"part": "concept"} | {name: getattr(concept, name) for name in fields}
        for concept in info.of_dictionary(dictionary)
    ]
    for fit in info.fits:
        if fit.dictionary == dictionary:
            if fit.others:
                rows.append({"part": "others", "importance": fit.others})
            rows.append({"part": "residual", "importance": fit.residual})
            rows.append({"part": "bias", "importance": fit.bias})
    return pd.DataFrame(rows, columns=["part", *fields])
