"""The tables of a class page as CSV."""

from __future__ import annotations

import pandas as pd

from lens_core.atlas import ConceptInfo

from .attributions import attribution_table
from .book import AtlasBook
from .image_page import decision_table
from .steering import steering_table
from .trust import trust_table

PEOPLE = (
    "people_right", "people_low", "people_high", "people_answers", "people_simulated",
    "name", "name_agreement", "name_people",
)  # fmt: skip
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
        {"part": "concept"}
        | {name: getattr(concept, name) for name in fields}
        | _people(book, class_id, concept)
        for concept in info.of_dictionary(dictionary)
    ]
    for fit in info.fits:
        if fit.dictionary == dictionary:
            if fit.others:
                rows.append({"part": "others", "importance": fit.others})
            rows.append({"part": "residual", "importance": fit.residual})
            rows.append({"part": "bias", "importance": fit.bias})
    told = PEOPLE if book.people else ()
    return pd.DataFrame(rows, columns=["part", *fields, *told])


def _people(book: AtlasBook, class_id: int, concept: ConceptInfo) -> dict[str, object]:
    """What people made of a concept, as columns; empty where nobody was asked."""
    score, name = book.people.score(class_id, concept.id), book.name(concept, class_id)
    values: dict[str, object] = {}
    if score is not None:
        values |= {
            "people_right": score.score,
            "people_low": score.low,
            "people_high": score.high,
            "people_answers": score.n,
            "people_simulated": int(score.simulated),
        }
    if name is not None:
        values |= {"name": name.name, "name_agreement": name.agreement, "name_people": name.n}
    return values
