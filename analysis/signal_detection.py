"""How well people tell stimuli apart, freed from chance and from a liking for one answer.

The same share of right answers means different sensitivities in different tasks (.7 with three
choices is d′ = 1.24 when one of them is named as target, 2.50 when the odd one out is sought), so
the task is a required argument. Notation: d = d′, φ and Φ the normal density and distribution
function, p the proportion of right answers, m the number of choices.

    yes/no    d = z(H) − z(F),  c = −(z(H) + z(F)) / 2
    m-AFC     p = ∫ φ(x − d) Φ(x)^(m−1) dx
    oddity    p = ∫₀^∞ (φ(t − δ) + φ(t + δ)) Q_m(t) dt,  δ = d √(1 − 1/m)

In the oddity task the choice that lies furthest from the mean of the others is taken. Of the m
values' deviations from their mean, t is the part along the odd one's axis; Q_m(t) is the chance
that the remaining m − 2 dimensions leave it the largest: Q₃(t) = 2Φ(t/√3) − 1 and, the region
being an equilateral triangle with inradius t/√2, Q₄(t) = 1 − 6 T(t/√2, √3) with Owen's T.

Sources: Green and Swets (1966), Signal Detection Theory; Frijters (1979), British Journal of
Mathematical and Statistical Psychology 32, for three choices (here extended to four); Hautus
(1995), Behavior Research Methods 27, for adding ½ to the counts; Macmillan and Creelman (2005),
Detection Theory, chapters 7 and 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.accuracy import BOOTSTRAP_RESAMPLES, participant_counts
from analysis.bootstrap import percentile_interval, resampled_proportions
from analysis.errors import AnalysisError
from analysis.intervals import NONE, Interval, t_interval
from analysis.people import require_columns

Floats = NDArray[np.float64]
Task = Literal["m_afc", "oddity"]
LARGEST = 12.0
"""d′ is sought up to here; beyond it no task makes an error."""
HALVINGS = 60
NODES, WEIGHTS = np.polynomial.legendre.leggauss(160)
ODDITY_CHOICES = (3, 4)


@dataclass(frozen=True)
class Sensitivity:
    """Sensitivity by condition.

    Attributes
    ----------
    table : one row a condition, columns as the function says.
    participants : one row a person and condition.
    notes : in words.
    """

    table: pd.DataFrame
    participants: pd.DataFrame
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The table by condition."""
        return self.table


def proportion_correct(d_prime: ArrayLike, *, task: Task, n_options: int) -> Floats:
    """Proportion of right answers of an unbiased observer.

    Examples
    --------
    R: ``sensR::psyfun(1, method = "triangle")``

    >>> float(proportion_correct(1.0, task="oddity", n_options=3).round(5))
    0.41805
    """
    _check(task, n_options)
    d = np.asarray(d_prime, dtype=float)[..., None]
    if task == "m_afc":
        u = np.linspace(-9.0, 9.0, 721)
        values = _density(u) * special.ndtr(u + d) ** (n_options - 1)
        return np.asarray(values.sum(axis=-1) * (u[1] - u[0]))
    shift = d * np.sqrt(1 - 1 / n_options)
    half = (shift + 9.0) / 2
    t = half * (NODES + 1)
    values = (_density(t - shift) + _density(t + shift)) * _largest(t, n_options)
    return np.asarray((values * WEIGHTS * half).sum(axis=-1))


def d_prime(proportion: ArrayLike, *, task: Task, n_options: int) -> Floats:
    """The d′ that gives this proportion of right answers.

    Always right is infinite. Below chance d′ is negative for m-AFC and 0 for oddity, where no d′
    does worse than chance.

    Examples
    --------
    R: ``psyphy::dprime.mAFC(.8, 3)``, ``psyphy::dprime.oddity(.7)``

    >>> d_prime([0.8, 0.7], task="m_afc", n_options=3).round(5).tolist()
    [1.65241, 1.23795]
    >>> float(d_prime(0.7, task="oddity", n_options=3).round(5))
    2.5037
    """
    _check(task, n_options)
    p = np.asarray(proportion, dtype=float)
    low = np.full(p.shape, -LARGEST if task == "m_afc" else 0.0)
    high = np.full(p.shape, LARGEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = proportion_correct(middle, task=task, n_options=n_options) > p
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    found = np.where(p >= 1, np.inf, (low + high) / 2)
    if task == "m_afc":
        found = np.where(p <= 0, -np.inf, found)
    else:
        found = np.where(p <= 1 / n_options, 0.0, found)
    return np.asarray(np.where(np.isnan(p), np.nan, found), dtype=float)


def sensitivity_by_condition(
    trials: pd.DataFrame,
    *,
    cluster: str,
    task: Task,
    n_options: int,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    level: float = 0.95,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> Sensitivity:
    """d′ of each condition in a task with a right answer among several.

    ``d_prime`` belongs to the mean accuracy of people; its interval is the t interval of that mean,
    transformed, with a bootstrap over participants beside. ``mean_d_prime`` averages people's own
    d′ (someone always right counts as n − ½ of n); with few trials each it is biased.

    Examples
    --------
    >>> trials = pd.DataFrame({
    ...     "participant": ["a"] * 4 + ["b"] * 4, "condition": "x",
    ...     "correct": [1, 1, 1, 0, 1, 1, 1, 0]})
    >>> result = sensitivity_by_condition(trials, cluster="participant", task="m_afc", n_options=2,
    ...                                   rng=np.random.default_rng(0))
    >>> result.table[["accuracy", "d_prime"]].round(5).values.tolist()
    [[0.75, 0.95387]]
    """
    require_columns(trials, [cluster, "condition", "correct"])
    people = participant_counts(trials, cluster)
    clipped = people["accuracy"].clip(0.5 / people["n"], 1 - 0.5 / people["n"])
    people["d_prime"] = d_prime(clipped.to_numpy(), task=task, n_options=n_options)
    rows: list[dict[str, object]] = []
    for name in order if order is not None else sorted(people["condition"].unique()):
        own = people[people["condition"] == name]
        score = own["accuracy"].to_numpy()
        boot = NONE
        if len(own) > 1:
            k, n = own["k"].to_numpy(), own["n"].to_numpy()
            boot = percentile_interval(resampled_proportions(k, n, n_resamples, rng), level)
        ends = [t_interval(score, level).clipped(), boot]
        scale = [float(score.mean()) if len(own) else np.nan]
        scale += [end for interval in ends for end in (interval.low, interval.high)]
        d = d_prime(scale, task=task, n_options=n_options)
        rows.append(
            {
                "condition": name,
                "n_participants": len(own),
                "accuracy": scale[0],
                "d_prime": float(d[0]),
                "low": float(d[1]),
                "high": float(d[2]),
                "bootstrap_low": float(d[3]),
                "bootstrap_high": float(d[4]),
                "mean_d_prime": float(own["d_prime"].mean()) if len(own) else float("nan"),
            }
        )
    return Sensitivity(pd.DataFrame(rows), people)


@dataclass(frozen=True)
class YesNo:
    """d′, criterion c (positive: says yes too rarely) and ln β of one observer."""

    d_prime: float
    criterion: float
    log_beta: float


def yes_no(hits: float, n_signal: float, false_alarms: float, n_noise: float) -> YesNo:
    """Sensitivity and bias from counts, ½ added to each count and 1 to each total.

    Examples
    --------
    R: ``psycho::dprime(9, 2, 1, 8)``

    >>> result = yes_no(9, 10, 2, 10)
    >>> round(result.d_prime, 4), round(result.criterion, 4)
    (1.8447, -0.1745)
    """
    h = special.ndtri((hits + 0.5) / (n_signal + 1))
    f = special.ndtri((false_alarms + 0.5) / (n_noise + 1))
    return YesNo(float(h - f), float(-(h + f) / 2), float((f * f - h * h) / 2))


def yes_no_by_condition(
    trials: pd.DataFrame, *, cluster: str, signal: str, level: float = 0.95
) -> Sensitivity:
    """d′ and criterion of each condition: means over people with t intervals.

    Parameters
    ----------
    trials : with ``condition``, ``response`` and ``correct_response``.
    signal : the response that means yes; trials whose right answer it is are signal trials.

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": ["a"] * 4 + ["b"] * 4, "condition": "x",
    ...     "response": list("yynnyynn"), "correct_response": list("yynnyyyn")})
    >>> result = yes_no_by_condition(trials, cluster="participant", signal="y")
    >>> result.table[["d_prime", "criterion"]].round(3).values.tolist()
    [[1.464, 0.089]]
    """
    require_columns(trials, [cluster, "condition", "response", "correct_response"])
    used = trials[trials["response"].notna() & trials["correct_response"].notna()]
    yes = (used["response"] == signal).astype(float)
    is_signal = (used["correct_response"] == signal).astype(float)
    counted = used[[cluster, "condition"]].assign(
        hits=yes * is_signal,
        n_signal=is_signal,
        false_alarms=yes * (1 - is_signal),
        n_noise=1 - is_signal,
    )
    people = counted.groupby([cluster, "condition"], observed=True, sort=True).sum().reset_index()
    lacking = (people["n_signal"] == 0) | (people["n_noise"] == 0)
    notes = []
    if lacking.any():
        notes.append(
            f"{int(lacking.sum())} people and conditions have no trials with, or none without, "
            f"{signal!r} as the right answer; they have no d′ and are left out."
        )
        people = people[~lacking].reset_index(drop=True)
    counts = people[["hits", "n_signal", "false_alarms", "n_noise"]].to_numpy()
    found = [yes_no(*row) for row in counts]
    people["d_prime"] = [one.d_prime for one in found]
    people["criterion"] = [one.criterion for one in found]
    people["log_beta"] = [one.log_beta for one in found]
    rows: list[dict[str, object]] = []
    for name, own in people.groupby("condition", observed=True, sort=True):
        row: dict[str, object] = {"condition": name, "n_participants": len(own)}
        for what in ("d_prime", "criterion", "log_beta"):
            row |= _with_ends(what, own[what].to_numpy(), level)
        rows.append(row)
    return Sensitivity(pd.DataFrame(rows), people, tuple(notes))


def side_bias(trials: pd.DataFrame, *, cluster: str, level: float = 0.95) -> Sensitivity:
    """Whether people favour a position, whatever is shown there.

    ``bias`` is the share of answers at a position minus the share of trials whose right answer
    lies there, averaged over people with a t interval, for each condition and position.

    Parameters
    ----------
    trials : with ``condition`` and the positions ``response`` and ``correct_response``.

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": list("aabb"), "condition": "x",
    ...                        "response": list("0001"), "correct_response": list("0101")})
    >>> side_bias(trials, cluster="participant").table[["position", "bias"]].values.tolist()
    [['0', 0.25], ['1', -0.25]]
    """
    require_columns(trials, [cluster, "condition", "response", "correct_response"])
    used = trials[trials["response"].notna() & trials["correct_response"].notna()]
    positions = sorted(set(used["response"]) | set(used["correct_response"]))
    people, rows = [], []
    for position in positions:
        chosen = used[[cluster, "condition"]].assign(
            chosen=(used["response"] == position).astype(float),
            right=(used["correct_response"] == position).astype(float),
        )
        shares = chosen.groupby([cluster, "condition"], observed=True).mean().reset_index()
        people.append(shares.assign(position=position, bias=shares["chosen"] - shares["right"]))
    everyone = pd.concat(people, ignore_index=True) if people else pd.DataFrame()
    if len(everyone):
        for (name, position), own in everyone.groupby(["condition", "position"], observed=True):
            means = {what: float(own[what].mean()) for what in ("chosen", "right")}
            found = _with_ends("bias", own["bias"].to_numpy(), level)
            rows.append(
                {"condition": name, "position": position, "n_participants": len(own)}
                | means
                | found
            )
    return Sensitivity(pd.DataFrame(rows), everyone)


def _with_ends(what: str, values: Floats, level: float) -> dict[str, object]:
    interval: Interval = t_interval(values, level)
    return {
        what: float(np.mean(values)),
        f"{what}_low": interval.low,
        f"{what}_high": interval.high,
    }


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


def _largest(t: Floats, n_options: int) -> Floats:
    """Q_m(t) of the module's docstring."""
    if n_options == 3:
        return np.asarray(2 * special.ndtr(t / np.sqrt(3)) - 1)
    return np.asarray(1 - 6 * special.owens_t(t / np.sqrt(2), np.sqrt(3)))


def _check(task: str, n_options: int) -> None:
    if task not in ("m_afc", "oddity"):
        raise AnalysisError(f"unknown task {task!r}: choose 'm_afc' or 'oddity'")
    if task == "oddity" and n_options not in ODDITY_CHOICES:
        raise AnalysisError(f"d′ of an oddity task is known for 3 or 4 choices, not {n_options}")
    if n_options < 2:
        raise AnalysisError(f"a choice needs at least 2 options, not {n_options}")
