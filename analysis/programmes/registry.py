"""Which programme a data set belongs to: by the study's paradigm, else by its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import numpy as np
import pandas as pd

from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.programmes.base import Programme


class Analyse(Protocol):
    """What every programme function takes."""

    def __call__(
        self,
        trials: pd.DataFrame,
        *,
        cluster: str,
        rng: np.random.Generator,
        order: Sequence[str] | None = None,
        reference: str | None = None,
        level: float = 0.95,
        labels: Mapping[str, str] | None = None,
    ) -> Programme:
        """Analyse test trials."""
        ...


@dataclass(frozen=True)
class Known:
    """A programme.

    Attributes
    ----------
    name : in results.
    function : ``module:function`` in this package.
    paradigms : names of studies' paradigms that belong to it.
    shown_by : says from the trials of a study of another paradigm whether they belong to it too,
        and by what; empty if not.
    scored : whether its answers are right or wrong.
    answers : columns without which there are none.
    right : what "right" stands for in a task where no answer is wrong; else empty.
    """

    name: str
    function: str
    paradigms: tuple[str, ...]
    shown_by: Callable[[pd.DataFrame], str] = lambda trials: ""
    scored: bool = True
    answers: tuple[str, ...] = ("correct",)
    right: str = ""

    def load(self) -> Analyse:
        """The function."""
        module, name = self.function.split(":")
        found: Analyse = getattr(import_module(f"analysis.programmes.{module}"), name)
        return found


def _several(trials: pd.DataFrame, name: str) -> bool:
    return name in trials and trials[name].nunique() > 1


def _bases(trials: pd.DataFrame) -> str:
    if not _several(trials, "layer") or "basis" not in trials or trials["basis"].nunique() != 2:
        return ""
    return "two bases in several layers (columns 'basis' and 'layer')"


def _model(trials: pd.DataFrame) -> str:
    if not _several(trials, "session"):
        return ""
    return "several sessions and 'model_correct'" if _several(trials, "model_correct") else ""


def _pairs(trials: pd.DataFrame) -> str:
    if not {"first", "second", "response"} <= set(trials.columns):
        return ""
    answers = trials[["first", "second", "response"]].dropna().astype(str)
    among = (answers["response"] == answers["first"]) | (answers["response"] == answers["second"])
    among |= answers["response"].isin(["0", "1"])
    return "a choice between 'first' and 'second'" if len(answers) and among.all() else ""


def _holds(name: str, what: str) -> Callable[[pd.DataFrame], str]:
    """Recognises trials by a column that is not empty."""

    def shown_by(trials: pd.DataFrame) -> str:
        return f"{what} (column {name!r})" if name in trials and trials[name].notna().any() else ""

    return shown_by


PROGRAMMES: tuple[Known, ...] = (
    Known(
        "meta_predictor",
        "meta_predictor:meta_predictor",
        ("meta_predictor", "metapredictor", "meta-predictor"),
        _model,
    ),
    Known(
        "intruder",
        "craft:intruder",
        ("intruder", "concept_intruder"),
        _holds("intruder_id", "intruders"),
    ),
    Known(
        "binary_choice",
        "craft:binary_choice",
        ("binary_choice", "craft_choice"),
        right="that the sub-concept was chosen, not its parent",
    ),
    Known("basis_layers", "basis_layers:basis_by_layer", ("basis_layers",), _bases),
    Known(
        "visualizations",
        "visualizations:visualization_study",
        ("visualization", "visualizations", "feature_visualization", "causal_occlusion"),
        _holds("occluded_left", "occluded queries"),
    ),
    Known(
        "plausibility",
        "plausibility:plausibility",
        ("plausibility", "preference"),
        _pairs,
        scored=False,
        answers=("first", "second", "response"),
    ),
    Known(
        "drawings",
        "drawings:drawing_study",
        ("drawing", "drawings", "name_drawing"),
        _holds("agent", "who drew"),
    ),
    Known(
        "odd_one_out",
        "odd_one_out:odd_one_out_study",
        ("odd_one_out", "visual_relations", "relations"),
        lambda trials: "a column 'rule_kind'" if _several(trials, "rule_kind") else "",
    ),
    Known(
        "naming",
        "naming:naming_study",
        ("naming", "concept_naming"),
        _holds("word", "words of a vocabulary"),
        scored=False,
        answers=("response",),
    ),
    Known(
        "rating",
        "rating:rating_study",
        ("rating", "ratings"),
        _holds("rating", "ratings"),
        scored=False,
        answers=("rating",),
    ),
    Known(
        "click_maps",
        "click_maps:clicked_places",
        ("click_maps", "clickme", "clicks"),
        _holds("clicks", "clicked places"),
        scored=False,
        answers=("clicks",),
    ),
)


@dataclass(frozen=True)
class Recognised:
    """A programme, and what it was told by."""

    known: Known
    why: str


def recognise(paradigm: str, trials: pd.DataFrame) -> Recognised | None:
    """The programme of a study, or none.

    Examples
    --------
    >>> recognise("odd_one_out", pd.DataFrame()).why
    "the study's paradigm is 'odd_one_out'"
    >>> recognise("two_afc", pd.DataFrame({"basis": ["a"], "layer": ["l"]})) is None
    True
    """
    for known in PROGRAMMES:
        if paradigm in known.paradigms:
            return Recognised(known, f"the study's paradigm is {paradigm!r}")
    for known in PROGRAMMES:
        if why := known.shown_by(trials):
            return Recognised(known, f"the data hold {why}")
    return None


def run_programme(
    found: Recognised, trials: pd.DataFrame, notes: list[str], **options: Any
) -> Programme | None:
    """The programme's analysis, or none and a note why not."""
    try:
        return found.known.load()(trials, **options)
    except (AnalysisError, NotEstimable) as problem:
        title = found.known.name.replace("_", " ")
        notes.append(f"The analysis of the programme “{title}” could not be made: {problem}.")
        return None
