"""Against other programs, which the extra ``test`` installs; skipped where they are not there.

pingouin and psignifit are GPL-3, so they are never imported by the product; mixedlm carries the
data of R's lme4. Figures of MixedModels.jl are those of its documentation (4.31).
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
from analysis.laplace import Laplace
from analysis.multiple_comparisons import pairwise_comparisons
from analysis.preferences import friedman
from analysis.psychometric import fit_psychometric
from analysis.sandwich import codes


class VerbalAggression:
    """r2 ~ btype + situ + mode + Gender + Anger + (1 | id) + (1 | item), 7,584 answers.

    The likelihood is flat: lme4's estimates, up to 2e-3 from the maximum, lie 1e-5 below it, so
    they support a hundredth of their standard errors and no more. (The log likelihood that lme4
    gives for them, −4067.918, is as far off as its own tolerance for the modes allows;
    MixedModels.jl gives −4067.9164 for its own, whose intercept differs by 1e-3 between versions.)
    """

    lme4 = (0.55335, -1.05952, -2.10338, -1.05399, -0.70683, 0.32074, 0.05740)
    lme4_sds = (1.33894, 0.34227)
    lme4_log_likelihood = -4067.918
    julia = (0.554004, -1.05988, -2.10389, -1.05438, -0.706981, 0.320783, 0.0573961)
    julia_sds = (1.339212, 0.342271)
    julia_log_likelihood = -4067.9164291743905

    def __init__(self, file: Path) -> None:
        data = pd.read_csv(file)
        said = [data["btype"] == "scold", data["btype"] == "shout", data["situ"] == "self"]
        people = [data["mode"] == "do", data["Gender"] == "M", data["Anger"]]
        self.x = np.column_stack([np.ones(len(data)), *said, *people]).astype(float)
        self.y = (data["r2"] == "Y").to_numpy(dtype=float)
        self.who, self.item = data["id"].to_numpy(), data["item"].to_numpy()


@pytest.fixture(scope="module")
def aggression() -> VerbalAggression:
    found = find_spec("mixedlm")
    if found is None or found.origin is None:
        pytest.skip("the data come with mixedlm, which is not installed")
    file = Path(found.origin).parent / "datasets/data/VerbAgg.csv.gz"
    if not file.is_file():
        pytest.skip("this mixedlm does not carry the data")
    return VerbalAggression(file)


def test_estimates_of_lme4_are_as_likely_as_ours(aggression: VerbalAggression) -> None:
    told = aggression
    model = Laplace(told.x, told.y, np.ones((len(told.y), 1)), codes(told.who), codes(told.item))
    value = -model.loss(np.array([*told.lme4_sds, *told.lme4])) * len(told.y)
    assert value == pytest.approx(told.julia_log_likelihood, abs=3e-5)
    assert value == pytest.approx(told.lme4_log_likelihood, abs=2e-3)


@pytest.mark.slow
def test_verbal_aggression_as_in_lme4_and_julia(aggression: VerbalAggression) -> None:
    told = aggression
    fit = fit_crossed_glmm(told.x, told.y, participants=told.who, items=told.item)
    assert fit.log_likelihood == pytest.approx(told.julia_log_likelihood, abs=1e-4)
    sds = [float(fit.participant_sd[0]), fit.item_sd]
    assert sds == pytest.approx(told.julia_sds, rel=1e-4)
    assert sds == pytest.approx(told.lme4_sds, rel=3e-4)
    assert fit.coefficients[1:].tolist() == pytest.approx(told.julia[1:], rel=5e-4)
    for other in (told.lme4, told.julia):
        assert (np.abs(fit.coefficients - other) < 0.01 * fit.standard_errors).all()


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
