"""Against other programs, where they are installed (extra ``oracles``); skipped where they are not.

pingouin and psignifit are GPL-3, so they are never imported by the product; mixedlm carries the
data of R's lme4.
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.agreement import intraclass_correlation
from analysis.anova import mixed_anova, one_way_anova
from analysis.bayes_factors import jzs_t
from analysis.crossed_glmm import fit_crossed_glmm
from analysis.multiple_comparisons import pairwise_comparisons
from analysis.preferences import friedman
from analysis.psychometric import fit_psychometric


@pytest.mark.slow
def test_verbal_aggression_as_in_lme4() -> None:
    """glmer(r2 ~ btype + situ + mode + Gender + Anger + (1 | id) + (1 | item), binomial)."""
    found = find_spec("mixedlm")
    if found is None or found.origin is None:
        pytest.skip("the data come with mixedlm, which is not installed")
    file = Path(found.origin).parent / "datasets/data/VerbAgg.csv.gz"
    if not file.is_file():
        pytest.skip("this mixedlm does not carry the data")
    data = pd.read_csv(file)
    x = np.column_stack(
        [
            np.ones(len(data)),
            data["btype"] == "scold",
            data["btype"] == "shout",
            data["situ"] == "self",
            data["mode"] == "do",
            data["Gender"] == "M",
            data["Anger"],
        ]
    ).astype(float)
    fit = fit_crossed_glmm(
        x, data["r2"] == "Y", participants=data["id"].to_numpy(), items=data["item"].to_numpy()
    )
    expected = [0.55335, -1.05952, -2.10338, -1.05399, -0.70683, 0.32074, 0.05740]
    assert fit.coefficients.tolist() == pytest.approx(expected, rel=2e-3)
    assert fit.participant_sd[0] == pytest.approx(1.33894, rel=1e-3)
    assert fit.item_sd == pytest.approx(0.34227, rel=2e-3)
    assert fit.log_likelihood == pytest.approx(-4067.918, abs=2e-3)


@pytest.fixture(scope="module")
def pg() -> Any:
    module = pytest.importorskip("pingouin")
    major, minor = (int(part) for part in version("pingouin").split(".")[:2])
    if (major, minor) < (0, 7):
        pytest.skip("pingouin before 0.7 is silently wrong")
    return module


def column(table: pd.DataFrame, *names: str) -> np.ndarray:
    """A column under whichever name this version gives it."""
    name = next(name for name in names if name in table)
    return table[name].to_numpy(dtype=float)


def answers(seed: int = 0) -> pd.DataFrame:
    """Nine people a group, three sessions."""
    rng = np.random.default_rng(seed)
    who, session = (a.ravel() for a in np.indices((27, 3)))
    group = who % 3
    score = 0.5 + 0.1 * group + 0.05 * session + rng.normal(0, 0.1, 27)[who]
    return pd.DataFrame(
        {
            "participant": who,
            "condition": np.array(["a", "b", "c"])[group],
            "session": session,
            "correct": score + rng.normal(0, 0.05, len(who)),
        }
    )


def test_analyses_of_variance_as_in_pingouin(pg: Any) -> None:
    frame = answers()
    means = frame.groupby(["participant", "condition"])["correct"].mean().reset_index()
    ours = one_way_anova(frame, cluster="participant").table
    theirs = pg.anova(data=means, dv="correct", between="condition")
    assert ours["f"].iloc[0] == pytest.approx(column(theirs, "F")[0])
    assert ours["p"].iloc[0] == pytest.approx(column(theirs, "p_unc", "p-unc")[0])
    welch = pg.welch_anova(data=means, dv="correct", between="condition")
    assert ours["f"].iloc[1] == pytest.approx(column(welch, "F")[0])
    mixed = pg.mixed_anova(
        data=frame, dv="correct", within="session", subject="participant", between="condition"
    )
    own = mixed_anova(frame, cluster="participant", within="session", between="condition").table
    assert sorted(own["f"]) == pytest.approx(sorted(column(mixed, "F")))


def test_pairs_as_in_pingouin(pg: Any) -> None:
    frame = answers(1)
    means = frame.groupby(["participant", "condition"])["correct"].mean().reset_index()
    for ours, theirs in (("tukey", pg.pairwise_tukey), ("games_howell", pg.pairwise_gameshowell)):
        found = pairwise_comparisons(frame, cluster="participant", method=ours).table
        other = theirs(data=means, dv="correct", between="condition")
        p = column(other, "p_tukey", "p-tukey", "pval", "p_gameshowell")
        assert sorted(found["p_adjusted"]) == pytest.approx(sorted(p), abs=1e-4)


def test_agreement_ranks_and_evidence_as_in_pingouin(pg: Any) -> None:
    frame = answers(2)
    icc = intraclass_correlation(frame, unit="participant", rater="session", value="correct").table
    theirs = pg.intraclass_corr(frame, targets="participant", raters="session", ratings="correct")
    assert sorted(icc["value"]) == pytest.approx(sorted(column(theirs, "ICC")))
    ranks = friedman(frame, cluster="participant", value="correct", by="session").table
    other = pg.friedman(frame, dv="correct", within="session", subject="participant")
    assert ranks["chi2"].iloc[0] == pytest.approx(column(other, "Q")[0])
    for t, n, m in ((-4.062, 10, None), (2.3, 20, 22)):
        ours = jzs_t(t, n, m)
        assert ours == pytest.approx(
            float(pg.bayesfactor_ttest(t, n, m, paired=m is None)), rel=5e-3
        )


def test_psychometric_function_as_in_psignifit() -> None:
    """psignifit's is a posterior mode with a weak prior, so the curves agree to two points."""
    psignifit = pytest.importorskip("psignifit")
    rng = np.random.default_rng(0)
    x = np.repeat(np.linspace(0.2, 4.0, 12), 150)
    truth = 0.5 + 0.47 / (1 + np.exp(-2.2 * (x - 1.6)))
    y = (rng.random(len(x)) < truth).astype(float)
    ours = fit_psychometric(x, y, cluster=np.arange(len(x)) // 30, guess=0.5)
    places = np.unique(x)
    table = np.array([[at, y[x == at].sum(), (x == at).sum()] for at in places])
    theirs = psignifit.psignifit(table, sigmoid="logistic", experiment_type="2AFC")
    assert ours(places) == pytest.approx(theirs.proportion_correct(places), abs=0.02)
