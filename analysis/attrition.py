"""Who left, and did it depend on the condition? Drop-out, exclusion, and what they could hide.

If more people leave a hard condition, those who stay are no longer comparable, however the
conditions were drawn. Shares are compared by Pearson's χ² with a permutation p (conditions dealt
out anew among the same people), which holds for the small counts that are usual here. Beside it
stand bounds that need no assumption: the accuracy of *everyone assigned* if what is missing had
been all wrong, or all right.

Sources: Zhou and Fishbach (2016), Journal of Personality and Social Psychology 111; Manski (1990),
American Economic Review 80, for bounds; Cramér (1946), section 21.9, for V.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.formatting import count
from analysis.intervals import wilson
from analysis.people import require_columns

Floats = NDArray[np.float64]
FINISHED = ("complete", "excluded")
"""Status of people who finished; the second, of those whom a researcher excluded afterwards."""
PERMUTATIONS = 10_000


@dataclass(frozen=True)
class Attrition:
    """People lost, by condition.

    Attributes
    ----------
    table : one row a condition: ``n_assigned``, ``n_left``, ``left`` (share) with ``left_low`` and
        ``left_high`` (Wilson; a person counts once), the same for ``excluded`` of those who
        finished, ``n_analysed``.
    tests : one row a question (``left``, ``excluded``, ``lost`` in either way): ``chi2``, ``df``,
        ``p`` (permutation), ``cramers_v``.
    notes : in words; people without a condition (screened out before it was drawn) are told here.
    """

    table: pd.DataFrame
    tests: pd.DataFrame
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The table by condition."""
        return self.table


def attrition(
    participants: pd.DataFrame,
    *,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    level: float = 0.95,
    n_permutations: int = PERMUTATIONS,
) -> Attrition:
    """Compare drop-out and exclusion between conditions.

    Parameters
    ----------
    participants : one row a person with ``condition``, ``status`` and, if known, ``excluded``.

    Raises
    ------
    NotEstimable
        If nobody was assigned to a condition.

    Examples
    --------
    R: ``chisq.test(table(condition, left), simulate.p.value = TRUE)``

    >>> people = pd.DataFrame({"condition": ["x"] * 10 + ["y"] * 10, "excluded": 0,
    ...     "status": ["complete"] * 9 + ["returned"] + ["complete"] * 4 + ["timed_out"] * 6})
    >>> found = attrition(people, rng=np.random.default_rng(0))
    >>> found.table["left"].tolist(), found.tests["chi2"].round(4).tolist()[0]
    ([0.1, 0.6], 5.4945)
    """
    require_columns(participants, ["condition", "status"])
    condition = participants["condition"].astype("string")
    assigned = participants[condition.notna() & (condition != "")]
    if assigned.empty:
        raise NotEstimable("nobody was assigned to a condition")
    notes = []
    if len(assigned) < len(participants):
        notes.append(
            f"{count(len(participants) - len(assigned), 'person', 'people')} left or had to go "
            "before a condition was drawn; this cannot depend on the condition."
        )
    frame = pd.DataFrame(
        {
            "condition": assigned["condition"].astype(str).to_numpy(),
            "left": ~assigned["status"].isin(FINISHED).to_numpy(),
            "excluded": _excluded(assigned, notes),
        }
    )
    frame["lost"] = frame["left"] | frame["excluded"]
    stayed = frame[~frame["left"]]
    names = list(order) if order is not None else sorted(frame["condition"].unique())
    rows = []
    for name in names:
        every, rest = (f[f["condition"] == name] for f in (frame, stayed))
        rows.append(
            {"condition": name, "n_assigned": len(every)}
            | _share("left", every["left"], level)
            | _share("excluded", rest["excluded"], level)
            | {"n_analysed": int((~every["lost"]).sum())}
        )
    tests = [
        {"question": what} | _test(f["condition"], f[what], n_permutations, rng)
        for what, f in (("left", frame), ("excluded", stayed), ("lost", frame))
    ]
    return Attrition(pd.DataFrame(rows), pd.DataFrame(tests), tuple(notes))


def _excluded(assigned: pd.DataFrame, notes: list[str]) -> NDArray[np.bool_]:
    if "excluded" not in assigned:
        notes.append("The table does not say who was excluded (column 'excluded').")
        return np.zeros(len(assigned), dtype=bool)
    return np.asarray(assigned["excluded"].fillna(0).astype(float).to_numpy() > 0)


def _share(what: str, happened: pd.Series, level: float) -> dict[str, object]:
    k, n = int(happened.sum()), len(happened)
    ends = wilson(k, n, level)
    share = k / n if n else float("nan")
    return {
        f"n_{what}": k,
        what: share,
        f"{what}_low": ends.low,
        f"{what}_high": ends.high,
    }


def _test(
    condition: pd.Series, happened: pd.Series, n_permutations: int, rng: np.random.Generator
) -> dict[str, float]:
    codes, names = pd.factorize(condition)
    groups = len(names)
    if groups < 2 or happened.nunique() < 2:
        return {"chi2": 0.0, "df": float(max(groups - 1, 0)), "p": 1.0, "cramers_v": 0.0}
    sizes = np.bincount(codes, minlength=groups)
    total = int(happened.sum())
    observed = np.bincount(codes, happened.to_numpy(dtype=float), minlength=groups)
    chi2 = float(_chi2(observed[None], sizes, total)[0])
    # Dealing conditions out anew draws each group's count from a multivariate hypergeometric.
    drawn = rng.multivariate_hypergeometric(sizes, total, size=n_permutations)
    as_far = int((_chi2(drawn, sizes, total) >= chi2 * (1 - 1e-9)).sum())
    return {
        "chi2": chi2,
        "df": float(groups - 1),
        "p": (as_far + 1) / (n_permutations + 1),
        "cramers_v": float(np.sqrt(chi2 / len(codes))),
    }


def _chi2(counts: ArrayLike, sizes: NDArray[np.int64], total: int) -> Floats:
    """Pearson's statistic of counts (B, groups) of people to whom it happened."""
    share = total / sizes.sum()
    gaps = np.asarray(counts, dtype=float) - sizes * share
    return np.asarray((gaps**2 / (sizes * share * (1 - share))).sum(axis=1))


def everyone_assigned(
    trials: pd.DataFrame, participants: pd.DataFrame, *, cluster: str, n_trials: int
) -> pd.DataFrame:
    """Accuracy of all people assigned, with bounds for what they did not answer.

    Parameters
    ----------
    trials : test trials of everybody, those who left and those excluded too.
    n_trials : test trials that each person was to answer.

    Returns
    -------
    One row a condition: ``condition``, ``n_assigned``, ``n_missing`` (answers), ``accuracy`` (of
    the people who answered anything, on what they answered), ``lowest`` and ``highest`` (mean over
    everyone assigned, missing answers all wrong or all right).

    Examples
    --------
    >>> people = pd.DataFrame({"participant": list("ab"), "condition": "x"})
    >>> trials = pd.DataFrame({"participant": list("aab"), "correct": [1, 1, 0]})
    >>> everyone_assigned(trials, people, cluster="participant", n_trials=2)[
    ...     ["accuracy", "lowest", "highest"]].values.tolist()
    [[0.5, 0.5, 0.75]]
    """
    require_columns(trials, [cluster, "correct"])
    require_columns(participants, [cluster, "condition"])
    known = participants[participants["condition"].notna() & (participants["condition"] != "")]
    answered = trials[trials["correct"].notna()].groupby(cluster)["correct"].agg(["sum", "count"])
    joined = known[[cluster, "condition"]].merge(
        answered, how="left", left_on=cluster, right_index=True
    )
    k, n = joined["sum"].fillna(0).astype(float), joined["count"].fillna(0).astype(float)
    if (n > n_trials).any():
        raise AnalysisError(f"somebody has more than {n_trials} answers: give the right n_trials")
    people = joined[["condition"]].assign(
        n_missing=n_trials - n,
        accuracy=k / n.where(n > 0),
        lowest=k / n_trials,
        highest=(k + n_trials - n) / n_trials,
    )
    grouped = people.groupby("condition", observed=True, sort=True)
    table = grouped[["accuracy", "lowest", "highest"]].mean()
    table.insert(0, "n_assigned", grouped.size())
    table.insert(1, "n_missing", grouped["n_missing"].sum().astype(int))
    return table.reset_index()
