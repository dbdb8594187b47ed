"""What people prefer: Bradley–Terry strengths from pairs, Friedman's test on ranks.

    Bradley–Terry   P(i over j) = e^{λ_i} / (e^{λ_i} + e^{λ_j})
    Davidson        P(tie) = ν e^{(λ_i + λ_j)/2} / (e^{λ_i} + e^{λ_j} + ν e^{(λ_i + λ_j)/2})
    Friedman        χ² = 12 Σ_j (R_j − G(k+1)/2)² / (G k (k+1)),  corrected for ties

Both choice models are conditional logits, fitted by Newton's method; their covariance is clustered
by participant, because one person's choices hang together, and by item where items are named
(:mod:`analysis.sandwich`), because one picture is liked by many. λ of the reference is 0.

Sources: Bradley and Terry (1952), Biometrika 39; Davidson (1970), Journal of the American
Statistical Association 65; Friedman (1937), Journal of the American Statistical Association 32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from analysis.clustered_logit import (
    CONVERGED,
    MAX_STEPS,
    SEPARATED,
    Contrast,
    NotEstimable,
)
from analysis.differences import GENERAL, THESE_STIMULI
from analysis.errors import AnalysisError
from analysis.formatting import count
from analysis.people import participant_means, require_columns
from analysis.sandwich import Correction, clustered_covariance, codes, group_sums

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
TIE = "tie"


@dataclass(frozen=True)
class Preferences:
    """Strengths of options.

    Attributes
    ----------
    table : one row an option, strongest first: ``option``, ``strength`` (λ, log odds over the
        reference) with ``low`` and ``high``, ``se``, ``t``, ``df``, ``p``, ``share`` (chance to be
        chosen over an average other option), ``n_choices``.
    reference : the option with λ = 0.
    tie : ν with its interval on the log scale, none without ties.
    log_likelihood : of the fit.
    n_participants : clusters.
    scope : for whom and what the intervals speak.
    notes : in words.
    """

    table: pd.DataFrame
    reference: str
    tie: dict[str, float] | None
    log_likelihood: float
    n_participants: int
    scope: str = THESE_STIMULI
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The strengths."""
        return self.table


def bradley_terry(
    choices: pd.DataFrame,
    *,
    cluster: str,
    first: str = "first",
    second: str = "second",
    chosen: str = "response",
    ties: bool = False,
    item: str | None = None,
    reference: str | None = None,
    level: float = 0.95,
    correction: Correction = "cr2",
) -> Preferences:
    """Strengths from paired choices.

    Parameters
    ----------
    choices : one row a choice; ``chosen`` holds the name of one of the two, or "tie".
    ties : fit Davidson's model; otherwise ties are refused.
    item : column of what both pictures of a pair stand for (a concept, a unit). With it intervals
        hold for other items too; with fewer items than coefficients they cannot, and a note says
        so.
    reference : the option with strength 0; the first by name unless given.

    Raises
    ------
    AnalysisError
        If a choice is none of its pair.
    NotEstimable
        If an option always or never wins, or pairs do not connect the options.

    Examples
    --------
    R: ``BradleyTerry2::BTm``. Won 6 of 9 and 8 of 9: λ = log 2 and log 8.

    >>> pairs = pd.DataFrame({"participant": list(range(9)) * 2, "first": "a",
    ...     "second": ["b"] * 9 + ["c"] * 9, "response": (["b"] * 6 + ["a"] * 3
    ...                                                   + ["c"] * 8 + ["a"])})
    >>> bradley_terry(pairs, cluster="participant").table["strength"].round(4).tolist()
    [2.0794, 0.6931, 0.0]
    """
    require_columns(choices, [cluster, first, second, chosen])
    used = choices[choices[[first, second, chosen]].notna().all(axis=1)]
    names = sorted(set(used[first]) | set(used[second]))
    base = reference if reference is not None else (names[0] if names else "")
    if base not in names:
        raise AnalysisError(f"there is no option {base!r} among the pairs")
    one, two, answer = (used[column].to_numpy() for column in (first, second, chosen))
    outcome = np.select([answer == one, answer == two, answer == TIE], [0, 1, 2], -1)
    if (outcome < 0).any():
        odd = answer[outcome < 0][0]
        raise AnalysisError(f"the choice {odd!r} is neither of its pair, nor {TIE!r}")
    if not ties and (outcome == 2).any():
        raise AnalysisError("there are ties among the choices: give ties=True, or leave them out")
    others = [name for name in names if name != base]
    design = _design(one, two, others, ties)
    who = codes(used[cluster].to_numpy())
    people, k = int(who.max()) + 1 if len(who) else 0, design.shape[2]
    if people <= k:
        raise NotEstimable(
            f"{count(people, 'person', 'people')} cannot carry {count(k, 'coefficient')}"
        )
    beta, information, scores, likelihood = _conditional_logit(design, outcome)
    bread = np.linalg.inv(information.sum(axis=0).reshape(k, k))
    items, notes = _items(used, item, k)
    clustered = clustered_covariance(
        bread,
        scores,
        lambda groups, size: group_sums(information, groups, size).reshape(size, k, k),
        participants=who,
        items=items,
        correction=correction,
    )
    strengths = dict(zip(names, np.zeros(len(names)), strict=True))
    strengths |= dict(zip(others, beta, strict=False))
    played = pd.concat([used[first], used[second]]).value_counts()
    rows = []
    for name in names:
        place = others.index(name) if name != base else -1
        nothing = (float("nan"), float("nan"))
        spread = clustered.contrast(np.eye(k)[place]) if name != base else nothing
        found = Contrast.of(float(strengths[name]), *spread, level)
        rest = [strengths[other] for other in names if other != name]
        rows.append(
            {
                "option": name,
                "strength": found.estimate,
                "low": found.low,
                "high": found.high,
                "se": found.se,
                "t": found.t,
                "df": found.df,
                "p": found.p,
                "share": float(special.expit(strengths[name] - np.array(rest)).mean()),
                "n_choices": int(played[name]),
            }
        )
    table = pd.DataFrame(rows).sort_values("strength", ascending=False, ignore_index=True)
    tie = None
    if ties:
        log = Contrast.of(float(beta[-1]), *clustered.contrast(np.eye(k)[-1]), level)
        tie = {
            "nu": float(np.exp(log.estimate)),
            "low": float(np.exp(log.low)),
            "high": float(np.exp(log.high)),
        }
    scope = THESE_STIMULI if items is None else GENERAL
    return Preferences(table, base, tie, likelihood, people, scope, notes)


def _items(used: pd.DataFrame, item: str | None, k: int) -> tuple[Codes | None, tuple[str, ...]]:
    """Codes of the items, or none and why not."""
    if item is None:
        return None, ()
    if item not in used or used[item].isna().any():
        return None, ("Not every choice names its item, so strengths speak of these stimuli only.",)
    found = codes(used[item].to_numpy())
    size = int(found.max()) + 1
    if size <= k:
        return None, (
            f"{size} item{'s' if size != 1 else ''} cannot tell how {k + 1} options fare with "
            "other items, so strengths speak of these stimuli only.",
        )
    return found, ()


def _design(
    one: NDArray[np.object_], two: NDArray[np.object_], others: Sequence[str], ties: bool
) -> Floats:
    """(N, outcomes, k): what each outcome's utility holds of every coefficient."""
    x = np.zeros((len(one), 2 + ties, len(others) + ties))
    for place, name in enumerate(others):
        x[:, 0, place] = one == name
        x[:, 1, place] = two == name
    if ties:
        x[:, 2] = (x[:, 0] + x[:, 1]) / 2
        x[:, 2, -1] = 1.0
    return x


def _conditional_logit(
    x: Floats, outcome: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats, float]:
    """Coefficients (k,), information (N, k²) and scores (N, k) of choices, log-likelihood."""
    rows = np.arange(len(x))
    beta = np.zeros(x.shape[2])
    for _ in range(MAX_STEPS):
        log_p = special.log_softmax(x @ beta, axis=1)
        p = np.exp(log_p)
        mean = np.einsum("no,nok->nk", p, x)
        scores = x[rows, outcome] - mean
        centred = x - mean[:, None, :]
        information = np.einsum("no,nok,nol->nkl", p, centred, centred)
        try:
            step = np.linalg.solve(information.sum(axis=0), scores.sum(axis=0))
        except np.linalg.LinAlgError:
            raise NotEstimable("the pairs do not connect all options with each other") from None
        beta = beta + step
        if not np.isfinite(beta).all() or np.abs(beta).max() > SEPARATED:
            raise NotEstimable(
                "some option was always or never chosen, or the pairs do not connect all options, "
                "so its strength has no finite value"
            )
        if np.abs(step).max() < CONVERGED:
            flat = information.reshape(len(x), -1)
            return beta, flat, scores, float(log_p[rows, outcome].sum())
    raise NotEstimable("the fit did not settle")


@dataclass(frozen=True)
class Ranks:
    """Friedman's test.

    Attributes
    ----------
    table : one row: ``chi2``, ``df``, ``p``, ``kendall_w``, ``n_participants``, ``scope``.
    ranks : mean rank of each condition.
    notes : in words.
    """

    table: pd.DataFrame
    ranks: pd.Series
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The test."""
        return self.table


def friedman(
    trials: pd.DataFrame, *, cluster: str, value: str = "response", by: str = "condition"
) -> Ranks:
    """Whether people rank conditions alike, on their means of ``value`` in each.

    Examples
    --------
    R: ``friedman.test(matrix(c(1, 1, 2, 1, 2, 2, 1, 3, 3, 3, 3, 2), 4))``

    >>> frame = pd.DataFrame({"participant": list(range(4)) * 3, "response":
    ...     [1, 1, 2, 1, 2, 2, 1, 3, 3, 3, 3, 2], "condition": np.repeat(list("abc"), 4)})
    >>> friedman(frame, cluster="participant").table[["chi2", "df"]].values.tolist()
    [[4.5, 2.0]]
    """
    from scipy.stats import rankdata

    means = participant_means(trials, cluster=cluster, value=value, by=(by,))
    wide = means.pivot(index=cluster, columns=by, values="mean")
    complete = wide.dropna()
    notes = ["These stimuli only."]
    if len(complete) < len(wide):
        notes.append(
            f"{len(wide) - len(complete)} people did not meet every {by} and are left out."
        )
    g, k = complete.shape
    if g < 2 or k < 2:
        raise NotEstimable(f"fewer than two people met several levels of {by!r}")
    ranks = rankdata(complete.to_numpy(dtype=float), axis=1)
    sums = ranks.sum(axis=0)
    ties = sum(
        float((count**3 - count).sum())
        for count in (np.unique(row, return_counts=True)[1].astype(float) for row in ranks)
    )
    spread = g * k * (k + 1) - ties / (k - 1)
    if spread <= 0:
        raise NotEstimable("nobody prefers anything, so there is no test")
    chi2 = 12 * float(((sums - g * (k + 1) / 2) ** 2).sum()) / spread
    row = {
        "chi2": chi2,
        "df": float(k - 1),
        "p": float(special.chdtrc(k - 1, chi2)),
        "kendall_w": chi2 / (g * (k - 1)),
        "n_participants": g,
        "scope": "these stimuli only",
    }
    mean_ranks = pd.Series(sums / g, index=complete.columns, name="mean_rank")
    return Ranks(pd.DataFrame([row]), mean_ranks, tuple(notes))
