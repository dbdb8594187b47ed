"""A trial of kind ``choice`` before it has an order and places, and the pool of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from experiments.records import PHASES, Phase

if TYPE_CHECKING:
    from experiments.study import Study


@dataclass(frozen=True)
class Panel:
    """Pictures shown beside the question.

    Attributes
    ----------
    label : what stands above them, may be empty.
    stimuli : in the order in which they are shown.
    folded : whether the person opens it when they want; else it always shows.
    """

    label: str
    stimuli: tuple[str, ...]
    folded: bool = False


@dataclass(frozen=True)
class Option:
    """One of the answers.

    Attributes
    ----------
    name : in the key and in the data; must not tell whether it is right.
    stimuli : one picture, a group of them, or none.
    label : text of the answer, if it has one.
    evidence : what its pictures say for it to a simulated observer, in SDs.
    seen : whether the screen shows the same picture elsewhere, as in
        :class:`~experiments.paradigms.base.Percept`.
    """

    name: str
    stimuli: tuple[str, ...] = ()
    label: str = ""
    evidence: float = 0.0
    seen: int = 0


@dataclass(frozen=True)
class ChoiceTemplate:
    """One row of ``trials.parquet``. The name of its right option stands in ``key.parquet``.

    Attributes
    ----------
    template : its name.
    condition, item : as in the data.
    use : the phase that it is made for.
    options : the answers, in an order that says nothing of the right one.
    panels : pictures beside the question, in the order in which they stand.
    query, caption : the picture that is asked about, if any, and a text below it.
    question : if it differs from the design's.
    source_image : photograph of what is asked about, as in the data.
    sources : photographs of everything that it shows.
    evidence : for each point of a scale or word, where there are no options.
    columns : the paradigm's own columns.
    """

    template: str
    condition: str
    use: Phase
    item: str
    options: tuple[Option, ...] = ()
    panels: tuple[Panel, ...] = ()
    query: str = ""
    caption: str = ""
    question: str = ""
    source_image: str = ""
    sources: tuple[str, ...] = ()
    evidence: tuple[float, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stimuli(self) -> tuple[str, ...]:
        """Everything that it shows."""
        groups = [panel.stimuli for panel in self.panels]
        groups += [option.stimuli for option in self.options]
        return tuple(s for group in groups for s in group) + ((self.query,) if self.query else ())

    def row(self) -> dict[str, Any]:
        """As a row of a table; what is nested is JSON text."""
        return {
            "template": self.template,
            "condition": self.condition,
            "use": self.use,
            "item": self.item,
            "query": self.query,
            "caption": self.caption,
            "question": self.question,
            "source_image": self.source_image,
            "options": json.dumps([vars(option) for option in self.options]),
            "panels": json.dumps([vars(panel) for panel in self.panels]),
            "sources": json.dumps(self.sources),
            "evidence": json.dumps(self.evidence),
            "columns": json.dumps(dict(self.columns)),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> ChoiceTemplate:
        """The inverse of :meth:`row`."""
        plain = ("template", "condition", "use", "item", "query", "caption", "question")
        options = [Option(**_with_tuple(each)) for each in json.loads(row["options"])]
        panels = [Panel(**_with_tuple(each)) for each in json.loads(row["panels"])]
        return cls(
            **{name: row[name] for name in plain},
            options=tuple(options),
            panels=tuple(panels),
            source_image=row["source_image"],
            sources=tuple(json.loads(row["sources"])),
            evidence=tuple(json.loads(row["evidence"])),
            columns=json.loads(row["columns"]),
        )


def _with_tuple(content: dict[str, Any]) -> dict[str, Any]:
    return content | {"stimuli": tuple(content["stimuli"])}


def unscored(templates: Iterable[ChoiceTemplate]) -> dict[str, str]:
    """The key of trials that have no right answer."""
    return dict.fromkeys((template.template for template in templates), "")


@dataclass(frozen=True)
class ChoicePool:
    """The templates of a study, by condition and use, and by name."""

    by_use: Mapping[tuple[str, Phase], tuple[ChoiceTemplate, ...]]
    by_name: Mapping[str, ChoiceTemplate]


def choice_pool(study: Study) -> ChoicePool:
    """The templates of a study, read once."""

    def make() -> ChoicePool:
        templates = [ChoiceTemplate.from_row(row) for row in study.templates]
        by_use: defaultdict[tuple[str, Phase], list[ChoiceTemplate]] = defaultdict(list)
        for template in templates:
            by_use[template.condition, template.use].append(template)
        keys = [(condition, use) for condition in study.conditions for use in PHASES]
        return ChoicePool(
            {key: tuple(by_use[key]) for key in keys}, {t.template: t for t in templates}
        )

    return study.remember("choice.pool", make)
