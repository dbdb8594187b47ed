"""Which basis do people understand, and at which depth? Directions against units, layer by layer.

The published analysis: logistic regression of ``correct`` on basis × layer depth, models compared
by AIC. Pooling the answers treats them as independent, which favours the larger model; its AIC is
given as *published*, and beside it that of the same models with people and items as crossed random
effects (maximum likelihood by Laplace), where people's slopes vary for what they met several of.
Coefficients and their test come from the logit clustered by participant and item.

Coding: basis −½ and +½, depth from −½ (shallowest) to +½ (deepest) in equal steps, so that the
coefficient of basis is the difference at middle depth and that of depth the whole way down.

Sources: Colin, Goetschalckx, Fel, Boutin, Gopal, Serre and Oliver (2024), Local vs distributed
representations: What is the right basis for interpretability?; Akaike (1974), IEEE Transactions on
Automatic Control 19; Burnham and Anderson (2002), chapter 2, for Akaike weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from analysis.clustered_logit import NotEstimable, fit_clustered_logit, maximum_likelihood
from analysis.crossed_glmm import fit_crossed_glmm
from analysis.differences import GENERAL, THESE_STIMULI
from analysis.intervals import t_interval
from analysis.people import participant_means, require_columns
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import course_figure

Floats = NDArray[np.float64]
NAME = "basis_layers"
MODELS = ("constant", "basis", "layer", "basis + layer", "basis × layer")
EFFECTS: Mapping[str, tuple[str, ...]] = {
    "constant": (),
    "basis": ("basis",),
    "layer": ("depth",),
    "basis + layer": ("basis", "depth"),
    "basis × layer": ("basis", "depth", "basis × depth"),
}
MOST_TRIALS = 30_000
"""Above this number of answers the mixed models are not compared unless asked for."""


@dataclass(frozen=True)
class _Coded:
    """Answers with their coded effects by name, each (N,)."""

    used: pd.DataFrame
    bases: tuple[str, ...]
    layers: tuple[str, ...]
    effects: Mapping[str, Floats]

    def design(self, model: str) -> Floats:
        """(N, k) with the intercept."""
        columns = [self.effects[name] for name in EFFECTS[model]]
        return np.column_stack([np.ones(len(self.used)), *columns])


def basis_by_layer(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    layers: Sequence[str] | None = None,
    item: str = "item",
    most_trials: int = MOST_TRIALS,
) -> Programme:
    """Compare two bases over layers.

    Parameters
    ----------
    trials : test trials with ``basis``, ``layer``, ``correct`` and the item.
    reference : the basis that the other is compared with; the first by name if not given.
    layers : layers from shallow to deep; by the numbers in their names if not given.
    order, rng : not used, for conditions are the bases and nothing is resampled.
    most_trials : above this number of answers the mixed models are left out.

    Raises
    ------
    NotEstimable
        If there are not two bases.
    """
    coded = _code(trials, cluster, layers, reference)
    notes: list[str] = []
    shown = {name: (labels or {}).get(name, name) for name in coded.bases}
    people = participant_means(coded.used, cluster=cluster, by=("basis", "layer"))
    people = people.rename(columns={"mean": "accuracy"})
    cells = _cells(people, coded, level)
    sections = [
        Section(
            "cells",
            "Accuracy by basis and layer",
            cells,
            "mean over people of their accuracy, Student's t interval",
            (
                Shown("Basis", "basis", "label"),
                Shown("layer", "layer"),
                Shown("right", "accuracy", "percent"),
                Shown("interval", "low", "percent", "high"),
                Shown("people", "n_participants", "integer"),
            ),
        )
    ]
    found = attempt("regression", lambda: _coefficients(coded, cluster, item, level), notes)
    if found is not None:
        sections.append(
            Section(
                "coefficients",
                "Does the basis matter, and does it change with depth?",
                found,
                "logistic regression on basis × depth, clustered by participant and item (CR2)"
                if item in coded.used
                else "logistic regression on basis × depth, clustered by participant (CR2)",
                (
                    Shown("Effect", "effect"),
                    Shown("log odds", "estimate", "number"),
                    Shown("interval", "low", "number", "high"),
                    Shown("odds ratio", "odds_ratio", "number"),
                    Shown("t", "t", "number"),
                    Shown("df", "df", "df"),
                    Shown("p", "p", "p"),
                ),
                scope=GENERAL if item in coded.used else THESE_STIMULI,
                caption=f"The effect of basis is {shown[coded.bases[1]]} minus "
                f"{shown[coded.bases[0]]} at middle depth; that of depth goes from the shallowest "
                "to the deepest layer.",
            )
        )
    compared = attempt(
        "comparison of models", lambda: _models(coded, cluster, item, most_trials, notes), notes
    )
    if compared is not None:
        sections.append(
            Section(
                "models",
                "Which model describes the answers best?",
                compared,
                "AIC of maximum-likelihood fits; pooled answers as published, and with people and "
                "items as crossed random effects",
                (
                    Shown("Model", "model"),
                    Shown("kind", "kind"),
                    Shown("parameters", "n_parameters", "integer"),
                    Shown("log likelihood", "log_likelihood", "number"),
                    Shown("AIC", "aic", "number"),
                    Shown("Δ AIC", "delta_aic", "number"),
                    Shown("weight", "weight", "number"),
                ),
                scope="these people and stimuli",
                caption="Smaller is better; a model within 2 of the best is about as good. "
                "Compare models of the same kind only.",
            )
        )
    drawing = Drawing(
        NAME,
        lambda theme: course_figure(
            people, cells, shown, theme, x="layer", group="basis", x_label="Layer",
            chance=float((1 / coded.used["n_options"]).mean()) if "n_options" in coded.used
            else None,
        ),
        "Accuracy by layer, a line for each basis.",
        "Each dot is one person in one layer, the diamond the mean over people, the bar its "
        "t interval (these stimuli only).",
    )  # fmt: skip
    return Programme(
        NAME,
        "Which basis, and at which depth?",
        "Colin et al. (2024)",
        tuple(sections),
        (drawing,),
        tuple(notes),
    )


def layer_order(names: Sequence[str]) -> list[str]:
    """Layers from shallow to deep by the numbers in their names.

    Examples
    --------
    >>> layer_order(["features.12", "features.2", "layer1"])
    ['features.2', 'features.12', 'layer1']
    """

    def key(name: str) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", name)
        return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]

    return sorted(names, key=key)


def ablation_drop(scores: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """How much a decision drops when the top unit, or the top direction, is taken out.

    Parameters
    ----------
    scores : one row an image, ``basis`` and ``layer``: ``before`` and ``after`` (logit or
        probability of the decision).

    Returns
    -------
    One row a basis and layer: mean ``drop`` over images with a t interval (this model, other
    images), ``n_images``.

    Examples
    --------
    >>> scores = pd.DataFrame({"basis": "units", "layer": "l4", "before": [3.0, 2.0, 4.0],
    ...                        "after": [2.0, 1.5, 2.5]})
    >>> ablation_drop(scores)[["drop", "n_images"]].values.tolist()
    [[1.0, 3.0]]
    """
    require_columns(scores, ["basis", "layer", "before", "after"])
    drops = scores.assign(drop=scores["before"] - scores["after"]).dropna(subset=["drop"])
    rows = []
    for (basis, layer), own in drops.groupby(["basis", "layer"], observed=True):
        ends = t_interval(own["drop"].to_numpy(), level)
        row = {"basis": basis, "layer": layer, "drop": float(own["drop"].mean())}
        rows.append(row | {"low": ends.low, "high": ends.high, "n_images": len(own)})
    return pd.DataFrame(rows)


def _code(
    trials: pd.DataFrame, cluster: str, layers: Sequence[str] | None, reference: str | None
) -> _Coded:
    require_columns(trials, [cluster, "basis", "layer", "correct"])
    used = trials[trials[["basis", "layer", "correct"]].notna().all(axis=1)]
    used = used.assign(basis=used["basis"].astype(str), layer=used["layer"].astype(str))
    bases = sorted(used["basis"].unique())
    if len(bases) != 2:
        raise NotEstimable(f"a comparison of bases needs two of them, there are {len(bases)}")
    if reference in bases and bases[0] != reference:
        bases.reverse()
    present = set(used["layer"])
    names = [name for name in layers or layer_order(sorted(present)) if name in present]
    used = used[used["layer"].isin(names)]
    steps = {name: at / max(len(names) - 1, 1) - 0.5 for at, name in enumerate(names)}
    basis = np.where(used["basis"] == bases[1], 0.5, -0.5)
    depth = used["layer"].map(steps).to_numpy(dtype=float)
    effects = {"basis": basis, "depth": depth, "basis × depth": basis * depth}
    return _Coded(used, tuple(bases), tuple(names), effects)


def _cells(people: pd.DataFrame, coded: _Coded, level: float) -> pd.DataFrame:
    rows = []
    for basis in coded.bases:
        for layer in coded.layers:
            own = people[(people["basis"] == basis) & (people["layer"] == layer)]
            if own.empty:
                continue
            ends = t_interval(own["accuracy"].to_numpy(), level).clipped()
            row = {"basis": basis, "layer": layer, "accuracy": float(own["accuracy"].mean())}
            rows.append(row | {"low": ends.low, "high": ends.high, "n_participants": len(own)})
    return pd.DataFrame(rows)


def _coefficients(coded: _Coded, cluster: str, item: str, level: float) -> pd.DataFrame:
    model = MODELS[-1] if len(coded.layers) > 1 else "basis"
    fit = fit_clustered_logit(
        coded.design(model),
        coded.used["correct"].to_numpy(dtype=float),
        participants=coded.used[cluster].to_numpy(),
        items=coded.used[item].to_numpy() if item in coded.used else None,
        names=("intercept", *EFFECTS[model]),
    )
    rows = []
    for place, name in enumerate(fit.names):
        one = fit.satterthwaite(np.eye(len(fit.names))[place], level)
        rows.append(
            {
                "effect": name,
                "estimate": one.estimate,
                "low": one.low,
                "high": one.high,
                "odds_ratio": float(np.exp(one.estimate)),
                "t": one.t,
                "df": one.df,
                "p": one.p,
            }
        )
    return pd.DataFrame(rows)


def _models(
    coded: _Coded, cluster: str, item: str, most_trials: int, notes: list[str]
) -> pd.DataFrame:
    y = coded.used["correct"].to_numpy(dtype=float)
    names = MODELS if len(coded.layers) > 1 else MODELS[:2]
    pooled, mixed = [], []
    for model in names:
        x = coded.design(model)
        eta = x @ maximum_likelihood(x, y)
        likelihood = float((y * eta - np.logaddexp(0, eta)).sum())
        pooled.append(_model_row(model, "pooled, as published", x.shape[1], likelihood))
    tables = [_weighed(pooled)]
    if len(y) > most_trials:
        notes.append(
            f"Mixed models are not compared above {most_trials} answers; give most_trials to "
            "basis_by_layer to compare them."
        )
        return tables[0]
    slopes = _slopes(coded, cluster)
    for model in names:
        fit = fit_crossed_glmm(
            coded.design(model),
            y,
            participants=coded.used[cluster].to_numpy(),
            items=coded.used[item].to_numpy() if item in coded.used else None,
            slopes=slopes,
        )
        mixed.append(
            _model_row(model, "people and items random", fit.n_parameters, fit.log_likelihood)
        )
    return pd.concat([_weighed(mixed), *tables], ignore_index=True)


def _slopes(coded: _Coded, cluster: str) -> Floats | None:
    """What people met several of, and may act differently on each."""
    met = coded.used.groupby(cluster)[["basis", "layer"]].nunique() > 1
    kept = [
        coded.effects[effect]
        for name, effect in (("basis", "basis"), ("layer", "depth"))
        if met[name].any()
    ]
    return np.column_stack(kept) if kept else None


def _model_row(model: str, kind: str, n_parameters: int, likelihood: float) -> dict[str, object]:
    return {
        "model": model,
        "kind": kind,
        "n_parameters": n_parameters,
        "log_likelihood": likelihood,
        "aic": -2 * likelihood + 2 * n_parameters,
    }


def _weighed(rows: list[dict[str, object]]) -> pd.DataFrame:
    """With the distance to the best of these models, and Akaike weights."""
    table = pd.DataFrame(rows)
    table["delta_aic"] = table["aic"] - table["aic"].min()
    table["weight"] = special.softmax(-table["delta_aic"].to_numpy() / 2)
    return table
