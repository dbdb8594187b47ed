from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.click_maps import (
    ClickMapReliability,
    click_map_reliability,
    cronbach_alpha,
    gram,
    guttman,
    leave_one_out,
    random_halves,
    similarity_to_model,
    smooth,
    split_half,
)
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError


def every_half(p: int) -> np.ndarray:
    """All splits into equal halves, each once."""
    picks = [half for half in combinations(range(p), p // 2) if 0 in half]
    first = np.zeros((len(picks), p), dtype=bool)
    for row, half in enumerate(picks):
        first[row, list(half)] = True
    return first


def study(
    seed: int, images: int = 6, people: int = 8, noise: float = 1.0
) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Maps of what an image is, plus noise of each person."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(images, 12, 12))
    maps = truth[:, None] + noise * rng.normal(size=(images, people, 12, 12))
    answers = pd.DataFrame(
        {
            "item": np.repeat([f"i{i}" for i in range(images)], people),
            "participant": np.tile(range(people), images),
        }
    )
    return maps.reshape(-1, 12, 12), answers, truth


def run(maps: Any, answers: pd.DataFrame, **options: Any) -> ClickMapReliability:
    rng = np.random.default_rng(0)
    return click_map_reliability(
        maps, answers, cluster="participant", image="item", rng=rng, **options
    )


def test_guttman_over_all_splits_is_cronbach_exactly() -> None:
    maps, _, _ = study(0, images=1)
    k = gram(maps)
    assert guttman(k, every_half(8)).mean() == pytest.approx(cronbach_alpha(k), rel=1e-12)
    items = maps.reshape(8, -1)
    cov = np.cov(items)
    alpha = 8 / 7 * (1 - np.trace(cov) / cov.sum())
    assert cronbach_alpha(k) == pytest.approx(alpha)


def test_gram_gives_the_correlations_of_mean_maps() -> None:
    maps, _, _ = study(1, images=1, people=7)
    flat = maps.reshape(7, -1)
    halves = random_halves(7, 20, np.random.default_rng(2))
    assert halves.sum(axis=1).tolist() == [3] * 20
    expected = [np.corrcoef(flat[h].mean(axis=0), flat[~h].mean(axis=0))[0, 1] for h in halves]
    assert split_half(gram(maps), halves).tolist() == pytest.approx(expected)
    others = [np.corrcoef(flat[i], np.delete(flat, i, axis=0).mean(axis=0))[0, 1] for i in range(7)]
    assert leave_one_out(gram(maps)).tolist() == pytest.approx(others)


def test_known_reliability() -> None:
    """Signal and noise of equal variance: α of 8 people is 8/9, r of halves 4/5, ceiling √(8/9)."""
    maps, answers, truth = study(3, images=40)
    found = run(maps, answers)
    row = found.overall.iloc[0]
    assert row["split_half"] == pytest.approx(4 / 5, abs=0.02)
    assert row["spearman_brown"] == pytest.approx(8 / 9, abs=0.02)
    assert row["alpha"] == pytest.approx(8 / 9, abs=0.02)
    assert row["leave_one_out"] == pytest.approx(np.sqrt(1 / 2 * 7 / 8), abs=0.02)
    assert abs(row["null"]) < 0.05
    assert row["null_high"] < row["split_half_low"]
    perfect = {f"i{i}": part for i, part in enumerate(truth)}
    reached = similarity_to_model(
        maps, answers, perfect, image="item", reliability=found
    ).overall.iloc[0]
    assert reached["similarity"] == pytest.approx(np.sqrt(8 / 9), abs=0.02)
    assert reached["share_of_ceiling"] == pytest.approx(1, abs=0.02)


def test_same_seed_same_numbers_and_any_order() -> None:
    maps, answers, _ = study(4)
    a, b = run(maps, answers).to_frame(), run(maps, answers).to_frame()
    pd.testing.assert_frame_equal(a, b)
    order = np.random.default_rng(1).permutation(len(answers))
    c = run(maps[order], answers.iloc[order]).table
    assert c["alpha"].tolist() == pytest.approx(a["alpha"].tolist())


def test_empty_maps_and_few_people_are_told() -> None:
    maps, answers, _ = study(5, images=3, people=3)
    maps[0] = 0.0
    maps[4:6] = 1.0
    found = run(maps, answers)
    assert found.table["image"].tolist() == ["i0", "i2"]
    assert found.table["n_participants"].tolist() == [2, 3]
    assert len(found.notes) == 3


def test_blur_keeps_the_sum() -> None:
    dot = np.zeros((1, 41, 41))
    dot[0, 20, 20] = 1.0
    blurred = smooth(dot, sigma_px=3.5)
    assert blurred.sum() == pytest.approx(1)
    assert (blurred[0, 20] > 0).sum() == 21


def test_faults() -> None:
    maps, answers, _ = study(6, images=2, people=2)
    with pytest.raises(AnalysisError, match="3 maps for 4 rows"):
        run(maps[:3], answers)
    with pytest.raises(AnalysisError, match="two maps"):
        run(maps, answers.assign(participant=0))
    with pytest.raises(NotEstimable, match="two people"):
        run(maps[::2], answers.iloc[::2])
    with pytest.raises(AnalysisError, match="odd"):
        smooth(maps, sigma_px=2, width_px=20)
