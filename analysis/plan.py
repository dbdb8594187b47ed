"""What the frozen study declared about its analysis, read from ``study.toml``.

The analysis does not import the study package: it reads the few fields it needs from the copy of
``study.toml`` in the data set, and does without where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.errors import AnalysisError

LOGIT, ORDINAL = "two_way_cluster_logit", "ordinal"
KNOWN_METHODS = {"correct": LOGIT, "response": LOGIT, "rating": ORDINAL}
"""Of each outcome."""
CHECK_WORDS = {
    "instruction": "time on instructions",
    "total": "time on all trials",
    "median_rt": "median response time",
    "same_response": "share of one and the same response",
    "n_test_trials": "number of test trials",
}


@dataclass(frozen=True)
class Criterion:
    """A participant passes if ``min`` ≤ the check's value ≤ ``max``."""

    check: str
    min: float | None = None
    max: float | None = None

    def words(self) -> str:
        """The rule as a reader wants it: ``catch accuracy at least 0.8``."""
        name, _, unit = self.check.rpartition("_")
        if unit not in ("s", "ms"):
            name, unit = self.check, ""
        name = CHECK_WORDS.get(name, name.replace("_", " "))
        ends = (("at least", self.min), ("at most", self.max))
        parts = [f"{word} {end:g} {unit}".strip() for word, end in ends if end is not None]
        return f"{name} {' and '.join(parts)}"


@dataclass(frozen=True)
class Plan:
    """The declared analysis.

    Attributes
    ----------
    declared : a study file declared it; otherwise everything counts as exploratory.
    formula, method : the confirmatory test; those that are known stand in
        :mod:`analysis.declared`.
    reference : the condition that others are compared with; the first one if not given.
    conditions : order and labels of conditions.
    exclusions : criteria in order.
    """

    declared: bool = False
    outcome: str = "correct"
    formula: str = "correct ~ condition"
    method: str = "two_way_cluster_logit"
    reference: str | None = None
    alpha: float = 0.05
    correction: str = "holm"
    n_participants: int | None = None
    notes: str = ""
    conditions: tuple[tuple[str, str], ...] = ()
    exclusions: tuple[Criterion, ...] = ()

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return 1 - self.alpha

    @property
    def confirmatory(self) -> bool:
        """Whether the test that this package makes by default is the declared one."""
        return self.asked == ("correct", "correct~condition")

    @property
    def asked(self) -> tuple[str, str] | None:
        """Outcome and formula of the declared test without spaces; none if it is not known."""
        if not self.declared or KNOWN_METHODS.get(self.outcome) != self.method:
            return None
        return self.outcome, self.formula.replace(" ", "")

    def label(self, condition: str) -> str:
        """What reports call a condition."""
        return dict(self.conditions).get(condition) or condition

    def order(self, present: list[str]) -> list[str]:
        """Conditions in the order of the study, unknown ones after that by name."""
        declared = [name for name, _ in self.conditions if name in present]
        return declared + sorted(set(present) - set(declared))


def read_plan(config: Mapping[str, Any], where: str = "study.toml") -> Plan:
    """The plan in a parsed study file.

    Raises
    ------
    AnalysisError
        If a field that the analysis needs has the wrong type.
    """
    if not config:
        return Plan()
    declared = config.get("analysis")
    plan = dict(declared) if isinstance(declared, Mapping) else {}
    try:
        return Plan(
            declared=bool(plan),
            outcome=str(plan.get("outcome", "correct")),
            formula=str(plan.get("formula", "correct ~ condition")),
            method=str(plan.get("method", "two_way_cluster_logit")),
            reference=plan.get("reference"),
            alpha=_alpha(plan.get("alpha", 0.05)),
            correction=str(plan.get("correction", "holm")),
            n_participants=plan.get("n_participants"),
            notes=str(plan.get("notes", "")),
            conditions=tuple(
                (str(entry["name"]), str(entry.get("label") or ""))
                for entry in config.get("conditions", ())
            ),
            exclusions=tuple(
                Criterion(str(entry["check"]), _number(entry.get("min")), _number(entry.get("max")))
                for entry in config.get("exclusions", ())
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnalysisError(
            f"{where}: the analysis plan cannot be read ({error}); restore the exported file"
        ) from error


def _alpha(value: Any) -> float:
    alpha = float(value)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha:g}, it lies between 0 and 1")
    return alpha


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
