"""Analysis of variance with people as the unit: one-way, repeated and mixed.

One-way, on one mean a person: F = MS_between / MS_within; Welch's F beside it for unequal spread.

Mixed, people in groups (between), each measured at w occasions (within): with orthonormal
contrasts C (w, w − 1) of the occasions and a design X of effect-coded groups, the contrasts of
people Y C are regressed on X. Hypotheses are the rows of β (type III: groups weigh the same); E,
the residual cross products, gives the error SS = tr E and Greenhouse–Geisser's

    ε = (tr E)² / ((w − 1) tr E²),

by which the degrees of freedom of the within tests are multiplied. All tests speak of these
stimuli only.

Sources: Welch (1951), Biometrika 38; Greenhouse and Geisser (1959), Psychometrika 24; Huynh and
Feldt (1976), Journal of Educational Statistics 1; Olejnik and Algina (2003) for generalised η².
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.people import met_several, participant_means, require_columns

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Anova:
    """An analysis of variance.

    Attributes
    ----------
    table : one row a source: ``source``, ``ss``, ``df1``, ``ss_error``, ``df2``, ``f``, ``p``, and
        effect sizes whose kind is the column's name. Mixed designs add ``epsilon`` and ``p_gg``
        (Greenhouse–Geisser); one-way designs have a second row for Welch's test.
    n_participants : people in it.
    notes : in words.
    """

    table: pd.DataFrame
    n_participants: int
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The sources."""
        return self.table

    def __getitem__(self, source: str) -> pd.Series:
        """The row of one source."""
        return self.table[self.table["source"] == source].iloc[0]


def one_way_anova(
    trials: pd.DataFrame,
    *,
    cluster: str,
    value: str = "correct",
    between: str = "condition",
) -> Anova:
    """Compare groups of people on their means of ``value``.

    Examples
    --------
    R: ``summary(aov(weight ~ group, PlantGrowth))``, ``oneway.test(weight ~ group, PlantGrowth)``

    >>> weight = [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14,
    ...           4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69,
    ...           6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26]
    >>> plants = pd.DataFrame({"participant": range(30), "weight": weight,
    ...                        "condition": ["ctrl"] * 10 + ["trt1"] * 10 + ["trt2"] * 10})
    >>> one_way_anova(plants, cluster="participant", value="weight").table["f"].round(4).tolist()
    [4.8461, 5.181]
    """
    means = participant_means(trials, cluster=cluster, value=value, by=(between,))
    if met_several(means, cluster):
        raise AnalysisError(
            f"people met several levels of {between!r}, so its groups are not different people: "
            "use mixed_anova with it as the within factor"
        )
    grouped = means.groupby(between, observed=True)["mean"]
    return one_way_anova_of_summaries(
        grouped.mean(), grouped.std(ddof=1), grouped.size(), source=between
    )


def one_way_anova_of_summaries(
    means: ArrayLike, sds: ArrayLike, sizes: ArrayLike, *, source: str = "condition"
) -> Anova:
    """The same from means, standard deviations and numbers of people, as papers print them."""
    x, s, n = (np.asarray(given, dtype=float) for given in (means, sds, sizes))
    groups, total = len(x), float(n.sum())
    df1, df2 = groups - 1, total - groups
    if groups < 2 or df2 < 1:
        raise NotEstimable("an analysis of variance needs two groups and more people than groups")
    s = np.where(n > 1, s, 0.0)
    grand = float((n * x).sum() / total)
    ss = float((n * (x - grand) ** 2).sum())
    error = float(((n - 1) * s**2).sum())
    if error <= 0:
        raise NotEstimable("people in the same group do not differ, so there is no test")
    f = (ss / df1) / (error / df2)
    rows: list[dict[str, object]] = [
        {
            "source": source,
            "method": "one-way analysis of variance",
            "ss": ss,
            "df1": float(df1),
            "ss_error": error,
            "df2": df2,
            "f": f,
            "p": float(special.fdtrc(df1, df2, f)),
            "eta_squared": ss / (ss + error),
            "omega_squared": (ss - df1 * error / df2) / (ss + error + error / df2),
        },
        _welch(x, s, n, source),
    ]
    return Anova(pd.DataFrame(rows), int(total), ("These stimuli only.",))


def _welch(x: Floats, s: Floats, n: Floats, source: str) -> dict[str, object]:
    nan = float("nan")
    empty: dict[str, object] = dict.fromkeys(
        ("ss", "ss_error", "eta_squared", "omega_squared"), nan
    )
    row = {"source": f"{source} (Welch)", "method": "Welch's analysis of variance", **empty}
    if (n < 2).any() or (s <= 0).any():
        return row | {"df1": len(x) - 1.0, "df2": nan, "f": nan, "p": nan}
    weight = n / s**2
    total = float(weight.sum())
    centre = float((weight * x).sum() / total)
    k = len(x)
    lack = float((((1 - weight / total) ** 2) / (n - 1)).sum())
    f = float((weight * (x - centre) ** 2).sum()) / (k - 1)
    f /= 1 + 2 * (k - 2) / (k * k - 1) * lack
    df2 = (k * k - 1) / (3 * lack)
    return row | {"df1": k - 1.0, "df2": df2, "f": f, "p": float(special.fdtrc(k - 1, df2, f))}


def mixed_anova(
    trials: pd.DataFrame,
    *,
    cluster: str,
    within: str = "session",
    between: str | None = "condition",
    value: str = "correct",
) -> Anova:
    """Sessions (or any within factor) by groups of people, with Greenhouse–Geisser's correction.

    Parameters
    ----------
    within : what each person meets every level of; people who lack one are left out, and counted.
    between : the people's groups; none for repeated measures alone.

    Examples
    --------
    R: ``afex::aov_ez("participant", "correct", d, between = "condition", within = "session")``

    >>> d = pd.DataFrame({"participant": np.repeat(range(6), 3), "session": [1, 2, 3] * 6,
    ...     "condition": np.repeat(["x", "y"], 9),
    ...     "correct": [.5, .6, .8, .4, .6, .6, .6, .7, .9, .5, .5, .6, .4, .5, .4, .7, .6, .8]})
    >>> mixed_anova(d, cluster="participant").table[["source", "f"]].round(3).values.tolist()
    [['condition', 0.645], ['session', 8.941], ['condition:session', 3.294]]
    """
    factors = [within] if between is None else [between, within]
    require_columns(trials, [cluster, *factors, value])
    if between is not None and trials.groupby(cluster)[between].nunique().gt(1).any():
        raise AnalysisError(f"people met several levels of {between!r}, so it is no between factor")
    means = participant_means(trials, cluster=cluster, value=value, by=factors)
    wide = means.pivot(
        index=[cluster] if between is None else [cluster, between], columns=within, values="mean"
    )
    complete = wide.dropna()
    notes = ["These stimuli only."]
    if len(complete) < len(wide):
        notes.append(
            f"{len(wide) - len(complete)} of {len(wide)} people lack some level of {within!r} and "
            "are left out."
        )
    labels: Sequence[object] = (
        [] if between is None else list(complete.index.get_level_values(between))
    )
    rows = _mixed_rows(complete.to_numpy(dtype=float), labels, within, between)
    return Anova(pd.DataFrame(rows), len(complete), tuple(notes))


def _mixed_rows(
    y: Floats, labels: Sequence[object], within: str, between: str | None
) -> list[dict[str, object]]:
    n, w = y.shape
    x = _effect_coded(labels, n)
    g = x.shape[1]
    if w < 2 or n - g < 1:
        raise NotEstimable("a mixed analysis needs two occasions and more people than groups")
    inverse = np.linalg.inv(x.T @ x)
    contrasts = np.linalg.qr(np.column_stack([np.ones(w), np.eye(w)[:, 1:]]))[0][:, 1:]
    z = np.column_stack([y.mean(axis=1) * np.sqrt(w), y @ contrasts])
    beta = inverse @ x.T @ z
    residual = z - x @ beta
    products = residual.T @ residual
    between_error = float(products[0, 0])
    e = products[1:, 1:]
    within_error = float(np.trace(e))
    if within_error <= 0:
        raise NotEstimable("people do not vary over occasions, so there is no test")
    epsilon = within_error**2 / ((w - 1) * float((e * e).sum()))
    both = between_error + within_error

    def hypothesis(rows: slice, columns: slice) -> float:
        """SS of the coefficients in these rows of β (type III)."""
        part = beta[rows, columns]
        return float(np.trace(part.T @ np.linalg.solve(inverse[rows, rows], part)))

    groups, occasions = slice(1, g), slice(1, w)
    df_within = float((n - g) * (w - 1))
    rows = []
    if between is not None:
        ss = hypothesis(groups, slice(0, 1))
        rows.append(_source(between, ss, g - 1.0, between_error, float(n - g), 1.0, both))
    ss = hypothesis(slice(0, 1), occasions)
    rows.append(_source(within, ss, w - 1.0, within_error, df_within, epsilon, both))
    if between is not None:
        ss = hypothesis(groups, occasions)
        df = float((g - 1) * (w - 1))
        rows.append(_source(f"{between}:{within}", ss, df, within_error, df_within, epsilon, both))
    return rows


def _effect_coded(labels: Sequence[object], n: int) -> Floats:
    """(n, groups): ones, then +1 for a group, −1 for the last one."""
    if not labels:
        return np.ones((n, 1))
    codes, names = pd.factorize(pd.Series(list(labels)), sort=True)
    if len(names) < 2:
        raise NotEstimable("there is only one group, so nothing to compare")
    indicator = np.eye(len(names))[codes]
    return np.column_stack([np.ones(n), indicator[:, :-1] - indicator[:, -1:]])


def _source(
    name: str,
    ss: float,
    df1: float,
    error: float,
    df2: float,
    epsilon: float,
    all_errors: float,
) -> dict[str, object]:
    if error <= 0:
        raise NotEstimable("people in the same group do not differ, so there is no test")
    f = (ss / df1) / (error / df2)
    return {
        "source": name,
        "ss": ss,
        "df1": df1,
        "ss_error": error,
        "df2": df2,
        "f": f,
        "p": float(special.fdtrc(df1, df2, f)),
        "epsilon": epsilon,
        "p_gg": float(special.fdtrc(df1 * epsilon, df2 * epsilon, f)),
        "partial_eta_squared": ss / (ss + error),
        "generalized_eta_squared": ss / (ss + all_errors),
    }
