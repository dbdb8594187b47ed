from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special, stats

from analysis.clustered_logit import NotEstimable, fit_clustered_logit
from tests.analysis.conftest import simulated_trials


def design(trials: pd.DataFrame) -> np.ndarray:
    return np.column_stack([np.ones(len(trials)), (trials["condition"] == "units").astype(float)])


def oracle(x: np.ndarray, y: np.ndarray, people: list[str], items: list[str]) -> np.ndarray:
    """The two-way covariance written out as sums over clusters, slowly and plainly."""
    beta = np.asarray(sm.Logit(y, x).fit(disp=0, tol=1e-12).params)
    p = special.expit(x @ beta)
    n, k = x.shape
    bread = np.linalg.inv(sum(p[i] * (1 - p[i]) * np.outer(x[i], x[i]) for i in range(n)))

    def one_way(labels: list[object]) -> np.ndarray:
        groups = sorted(set(labels), key=str)
        meat = np.zeros((k, k))
        for group in groups:
            total = np.zeros(k)
            for i in range(n):
                if labels[i] == group:
                    total += x[i] * (y[i] - p[i])
            meat += np.outer(total, total)
        g = len(groups)
        return np.asarray(g / (g - 1) * (n - 1) / (n - k) * bread @ meat @ bread)

    both = list(zip(people, items, strict=True))
    return one_way(list(people)) + one_way(list(items)) - one_way(list(both))


@pytest.mark.parametrize("seed", [0, 1])
def test_covariance_by_hand(seed: int) -> None:
    trials = simulated_trials(seed, people=10, items=7, answers=9, effect=0.5)
    x, y = design(trials), trials["correct"].to_numpy(dtype=float)
    fit = fit_clustered_logit(
        x, y, participants=trials["participant"], items=trials["item"], correction="cr1"
    )
    expected = oracle(x, y, list(trials["participant"]), list(trials["item"]))
    assert not fit.widened
    assert fit.covariance == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("clusters", ["participant", "item"])
def test_leverage_is_taken_off_as_in_the_dense_formula(clusters: str) -> None:
    """CR2 with the hat matrix of the weighted regression in full; a slope makes groups unequal."""
    trials = simulated_trials(2, people=9, items=6, answers=11, effect=0.5)
    x = np.column_stack([design(trials), np.random.default_rng(0).normal(size=len(trials))])
    y = trials["correct"].to_numpy(dtype=float)
    fit = fit_clustered_logit(x, y, participants=trials[clusters])
    p = special.expit(x @ fit.coefficients)
    root = np.sqrt(p * (1 - p))
    z = x * root[:, None]
    bread = np.linalg.inv(z.T @ z)
    rest = (y - p) / root
    meat = np.zeros((3, 3))
    for group in trials[clusters].unique():
        own = (trials[clusters] == group).to_numpy()
        values, vectors = np.linalg.eigh(np.eye(own.sum()) - z[own] @ bread @ z[own].T)
        total = z[own].T @ (vectors * values**-0.5) @ vectors.T @ rest[own]
        meat += np.outer(total, total)
    assert fit.covariance == pytest.approx(bread @ meat @ bread, rel=1e-8)


def test_few_items_of_its_own_in_each_condition() -> None:
    """Balanced: each condition loses one of its five items, so CR2 is 5/4 where CR1 is 10/9."""
    frame = pd.DataFrame(itertools.product(range(40), range(10)), columns=["person", "item"])
    x = np.column_stack([np.ones(400), frame["item"] < 5]).astype(float)
    y = (np.random.default_rng(3).random(400) < 0.6).astype(float)
    one, two = (
        fit_clustered_logit(x, y, participants=frame["item"], correction=kind)
        for kind in ("cr1", "cr2")
    )
    larger = two.covariance[1, 1] / one.covariance[1, 1]
    assert larger == pytest.approx(5 / 4 / (10 / 9 * 399 / 398), rel=1e-9)


def test_agrees_with_statsmodels(trials: pd.DataFrame) -> None:
    x, y = design(trials), trials["correct"].to_numpy(dtype=float)
    codes = trials[["participant", "item"]].apply(lambda column: pd.factorize(column)[0])
    two = sm.Logit(y, x).fit(disp=0, cov_type="cluster", cov_kwds={"groups": codes.to_numpy()})
    ours = fit_clustered_logit(
        x, y, participants=trials["participant"], items=trials["item"], correction="cr1"
    )
    assert ours.coefficients == pytest.approx(np.asarray(two.params), rel=1e-6)
    assert ours.standard_errors == pytest.approx(np.asarray(two.bse), rel=1e-6)
    one = sm.Logit(y, x).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": codes["participant"].to_numpy()}
    )
    ours = fit_clustered_logit(x, y, participants=trials["participant"], correction="cr1")
    assert ours.standard_errors == pytest.approx(np.asarray(one.bse), rel=1e-6)


def test_degrees_of_freedom_and_test(trials: pd.DataFrame) -> None:
    x, y = design(trials), trials["correct"]
    fit = fit_clustered_logit(x, y, participants=trials["participant"], items=trials["item"])
    people, items = trials["participant"].nunique(), trials["item"].nunique()
    assert fit.df == min(people, items) - 2
    effect = fit.contrast([0.0, 1.0], level=0.9)
    half = stats.t.ppf(0.95, fit.df) * fit.standard_errors[1]
    assert (effect.low, effect.high) == pytest.approx(
        (fit.coefficients[1] - half, fit.coefficients[1] + half)
    )
    f, q, df, p = fit.wald([[0.0, 1.0]])
    assert (q, df) == (1, fit.df)
    assert f == pytest.approx(effect.t**2)
    assert p == pytest.approx(effect.p)


def test_degrees_of_one_clustering_are_those_of_its_quadratic_form(trials: pd.DataFrame) -> None:
    """Bell and McCaffrey, answer by answer: the form's eigenvalues in independent answers."""
    used = trials[trials["participant"].isin(trials["participant"].unique()[::3])]
    depth = used["item"].str[1:].astype(float) % 5
    x = np.column_stack([design(used), depth])
    fit = fit_clustered_logit(x, used["correct"], participants=used["participant"])
    (part,) = fit.clustered.parts
    p = special.expit(x @ fit.coefficients)
    z = x * np.sqrt(p * (1 - p))[:, None]
    rest = np.eye(len(z)) - z @ part.bread @ z.T
    people = pd.factorize(used["participant"])[0]
    for weights in np.eye(3):
        each = np.stack(
            [
                (weights @ part.adjusted[g]) @ z[people == g].T @ rest[people == g]
                for g in range(part.adjusted.shape[0])
            ]
        )
        values = np.linalg.eigvalsh(each @ each.T)
        assert part.degrees(weights) == pytest.approx(values.sum() ** 2 / (values**2).sum())
        # Without bias where answers are independent, which is what CR2 is made for.
        assert values.sum() == pytest.approx(weights @ part.bread @ weights)
        effect = fit.satterthwaite(weights)
        assert effect.df == part.degrees(weights)
        assert effect.se**2 == pytest.approx(weights @ fit.covariance @ weights)


def test_degrees_of_balanced_groups_are_known() -> None:
    """A share of G groups has G − 1, a difference of two sets of them G − 2."""
    frame = pd.DataFrame(itertools.product(range(20), range(9)), columns=["person", "again"])
    y = (np.random.default_rng(5).random(len(frame)) < 0.6).astype(float)
    one = fit_clustered_logit(np.ones((len(y), 1)), y, participants=frame["person"])
    assert one.satterthwaite([1.0]).df == pytest.approx(19)
    x = np.column_stack([np.ones(len(y)), frame["person"] < 10]).astype(float)
    balanced = np.tile([0.0, 1.0, 1.0], len(y) // 3)
    two = fit_clustered_logit(x, balanced, participants=frame["person"])
    assert two.satterthwaite([0.0, 1.0]).df == pytest.approx(18)


def test_a_contrast_has_the_largest_of_three_variances(trials: pd.DataFrame) -> None:
    x, y = design(trials), trials["correct"]
    fit = fit_clustered_logit(x, y, participants=trials["participant"], items=trials["item"])
    people, items = fit.clustered.parts
    assert fit.clustered.both is not None
    both, n_both = fit.clustered.both
    assert n_both == len(trials[["participant", "item"]].drop_duplicates())
    w = np.array([0.0, 1.0])
    alone = [float(w @ part.covariance @ w) for part in (people, items)]
    total = sum(alone) - float(w @ both @ w)
    assert total > max(alone)
    found = fit.satterthwaite(w)
    assert found.se**2 == pytest.approx(total)
    spread = sum(v**2 / part.degrees(w) for v, part in zip(alone, (people, items), strict=True))
    assert found.df == pytest.approx(total**2 / (spread + float(w @ both @ w) ** 2 / n_both))


def test_where_people_do_not_differ_in_a_contrast_nothing_is_taken_off() -> None:
    """Everybody meets all depths, so that only items differ in what depth does."""
    frame = pd.DataFrame(itertools.product(range(30), range(10)), columns=["person", "item"])
    x = np.column_stack([np.ones(len(frame)), frame["item"] - 4.5])
    rng = np.random.default_rng(1)
    y = (rng.random(len(frame)) < np.where(frame["person"] % 2 == 0, 0.9, 0.2)).astype(float)
    fit = fit_clustered_logit(x, y, participants=frame["person"], items=frame["item"])
    w = np.array([0.0, 1.0])
    alone = [(float(w @ part.covariance @ w), part.degrees(w)) for part in fit.clustered.parts]
    assert fit.clustered.both is not None
    assert float(w @ fit.clustered.both[0] @ w) > min(alone)[0]
    assert fit.clustered.contrast(w) == pytest.approx(max(alone))


def test_two_items_count_as_one_degree_of_freedom() -> None:
    """However many people there are: Satterthwaite's sum would say more."""
    frame = pd.DataFrame(itertools.product(range(30), range(2), range(4)), columns=list("pit"))
    rng = np.random.default_rng(2)
    y = (rng.random(len(frame)) < 0.5 + 0.1 * frame["i"] + 0.01 * (frame["p"] % 20)).astype(float)
    fit = fit_clustered_logit(np.ones((len(y), 1)), y, participants=frame["p"], items=frame["i"])
    assert fit.satterthwaite([1.0]).df == pytest.approx(1)


def test_labels_do_not_matter(trials: pd.DataFrame) -> None:
    x, y = design(trials), trials["correct"]
    first = fit_clustered_logit(x, y, participants=trials["participant"], items=trials["item"])
    order = np.random.default_rng(0).permutation(len(trials))
    second = fit_clustered_logit(
        x[order],
        y.to_numpy()[order],
        participants=trials["participant"].map(lambda name: hash(name)).to_numpy()[order],
        items=trials["item"].str.upper().to_numpy()[order],
    )
    assert second.covariance == pytest.approx(first.covariance, rel=1e-8)


def test_a_difference_of_clusterings_that_is_no_variance_is_bounded() -> None:
    """A chequerboard: people and items differ less than chance, so the difference is negative."""
    frame = pd.DataFrame(itertools.product(range(5), range(5)), columns=["person", "item"])
    answers = (frame["person"] + frame["item"]) % 2
    x = np.ones((len(frame), 1))
    two = fit_clustered_logit(x, answers, participants=frame["person"], items=frame["item"])
    people = fit_clustered_logit(x, answers, participants=frame["person"])
    items = fit_clustered_logit(x, answers, participants=frame["item"])
    assert two.widened
    assert two.covariance == pytest.approx(people.covariance + items.covariance)


def test_says_why_there_is_no_answer(trials: pd.DataFrame) -> None:
    x = design(trials)
    people, items = trials["participant"], trials["item"]
    with pytest.raises(NotEstimable, match="all right or all wrong"):
        fit_clustered_logit(x, np.ones(len(x)), participants=people, items=items)
    with pytest.raises(NotEstimable, match="1 participant cannot carry 2 coefficients"):
        fit_clustered_logit(x, trials["correct"], participants=["a"] * len(x), items=items)
    with pytest.raises(NotEstimable, match="the same"):
        doubled = np.column_stack([x, x[:, 1]])
        fit_clustered_logit(doubled, trials["correct"], participants=people, items=items)
