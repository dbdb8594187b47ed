"""A strong/weak trial before it has an order and sides, and the pool of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from experiments.paradigms.two_afc_config import StrongWeakConfig, TwoAfcDesign

if TYPE_CHECKING:
    from experiments.study import Study

Use = Literal["test", "catch", "obvious", "harder"]
PRACTICE_USES: tuple[Use, ...] = ("obvious", "harder")


@dataclass(frozen=True)
class Template:
    """One row of ``trials.parquet``: a trial before it has an order and sides.

    Which of the options ``a`` and ``b`` is the right one stands in ``key.parquet``; which letter
    the stronger one has was drawn by seed.
    """

    template: str
    condition: str
    use: Use
    item: str
    atlas_hash: str
    class_id: int
    concept_id: str
    dictionary: str
    layer: str
    basis: str
    strong: tuple[str, ...]
    weak: tuple[str, ...]
    option_a: str
    option_b: str
    source_a: str
    source_b: str
    strength_a: float
    strength_b: float
    scale: float
    sources: tuple[str, ...]
    """Photographs of the references: strong, then weak."""
    twin_a: str
    twin_b: str
    """Reference that an option is a copy of, in catch trials; empty otherwise."""
    visualization: str = ""
    """Feature visualization of the item, where the design shows it."""
    query_similarity: float | None = None
    """Cosine between the options' activations of all other concepts, if there are any."""

    def row(self) -> dict[str, Any]:
        """As a row of a table."""
        row = asdict(self)
        return row | {name: list(row[name]) for name in ("strong", "weak", "sources")}


@dataclass(frozen=True)
class Pool:
    """The templates of a study, ready to draw from."""

    by_use: Mapping[tuple[str, Use], tuple[Template, ...]]
    strengths: Mapping[tuple[str, str], float]
    """Item and stimulus to strength, in SDs of the item's activations."""
    twins: Mapping[str, str]
    """Option of a catch trial to the reference that it is a copy of."""


def design_of(study: Study) -> TwoAfcDesign:
    """The design, in the paradigm's own class."""
    assert isinstance(study.config, StrongWeakConfig)
    return study.config.design


def pool_of(study: Study) -> Pool:
    """The templates of a study, read once."""

    def make() -> Pool:
        names = [field.name for field in fields(Template)]
        by_use: defaultdict[tuple[str, Use], list[Template]] = defaultdict(list)
        strengths: dict[tuple[str, str], float] = {}
        twins: dict[str, str] = {}
        for row in study.templates:
            values = {name: row[name] for name in names if name in row}
            values |= {slot: tuple(row[slot]) for slot in ("strong", "weak", "sources")}
            template = Template(**values)
            by_use[template.condition, template.use].append(template)
            strengths[template.item, template.option_a] = template.strength_a / template.scale
            strengths[template.item, template.option_b] = template.strength_b / template.scale
            twins |= {template.option_a: template.twin_a, template.option_b: template.twin_b}
        uses: tuple[Use, ...] = ("test", "catch", *PRACTICE_USES)
        keys = [(condition, use) for condition in study.conditions for use in uses]
        return Pool({key: tuple(by_use[key]) for key in keys}, strengths, twins)

    return study.remember("two_afc.pool", make)
