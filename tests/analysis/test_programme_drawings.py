from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.clustered_logit import NotEstimable
from analysis.drawings import describe_drawings
from analysis.programmes.click_maps import click_map_study
from analysis.programmes.drawings import drawing_study


def options(**more: Any) -> dict[str, Any]:
    return {"cluster": "participant", "rng": np.random.default_rng(0)} | more


def answers(seed: int, people: int = 16) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who, trial = (a.ravel() for a in np.indices((people, 40)))
    machine = trial % 2 == 1
    right = rng.random(len(who)) < np.where(machine, 0.6, 0.85)
    said = np.where(machine == right, "machine", "person")
    return pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(machine, "diffusion", "human"),
            "item": [f"concept{i}" for i in trial // 2],
            "n_options": 2,
            "response": said,
            "correct_response": np.where(machine, "machine", "person"),
            "correct": right.astype(int),
        }
    )


def features(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, list[str]]:
    """Six concepts; the machine strays further from the exemplars than people do."""
    rng = np.random.default_rng(seed)
    exemplars = rng.normal(0, 3, (6, 4))
    rows, points = [], []
    for agent, spread in (("human", 0.5), ("diffusion", 1.0), ("vae", 2.5)):
        for concept in range(6):
            for drawer in range(8):
                rows.append((agent, f"c{concept}", f"{agent}{drawer}"))
                points.append(exemplars[concept] + rng.normal(0, spread, 4))
    frame = pd.DataFrame(rows, columns=["condition", "item", "participant"])
    return frame, np.array(points), exemplars, [f"c{i}" for i in range(6)]


def test_finds_what_was_planted() -> None:
    found = drawing_study(answers(0), **options(reference="human", n_resamples=100))
    table = found["recognition"].set_index("condition")["accuracy"]
    assert table["human"] == pytest.approx(0.85, abs=0.06)
    row = found["agents"].iloc[0]
    assert (row["reference"], row["p"] < 0.001) == ("human", True)
    told = found["by_a_person"].iloc[0]
    assert told["d_prime_low"] > 0
    assert told["criterion"] < 0


def test_in_feature_space() -> None:
    rows, points, exemplars, names = features(1)
    described = describe_drawings(
        rows, points, exemplars, names, human="human", n_way=6, n_resamples=100, **options()
    )
    found = drawing_study(answers(1), **options(described=described, n_resamples=100))
    table = found["feature_space"].set_index("agent")
    assert table.loc["vae", "distance"] > table.loc["diffusion", "distance"]
    assert np.isnan(table.loc["human", "distance"])
    assert table["recognizability"].idxmin() == "vae"
    assert found["generalization"]["bin"].max() == 5
    assert [one.name for one in found.drawings] == ["recognition", "feature_space"]


def click_maps(seed: int, people: int = 8, images: int = 5) -> tuple[np.ndarray, pd.DataFrame]:
    """Everybody marks the image's own spot, with noise."""
    rng = np.random.default_rng(seed)
    spots = rng.integers(4, 12, (images, 2))
    y, x = np.mgrid[:16, :16]
    maps, rows = [], []
    for image, (row, column) in enumerate(spots):
        for person in range(people):
            bump = np.exp(-((y - row) ** 2 + (x - column) ** 2) / 8)
            maps.append(bump + rng.gamma(1, 0.15, bump.shape))
            rows.append((f"p{person}", f"image{image}"))
    return np.array(maps), pd.DataFrame(rows, columns=["participant", "image"])


def test_click_maps() -> None:
    maps, rows = click_maps(2)
    means = {name: maps[rows["image"] == name].mean(axis=0) for name in rows["image"].unique()}
    noise = {name: np.random.default_rng(3).random((16, 16)) for name in means}
    found = click_map_study(
        maps, rows, image="image", models={"same": means, "noise": noise}, **options(n_splits=20)
    )
    row = found["reliability"].iloc[0]
    assert row["spearman_brown"] > 0.9 > row["null_high"]
    similarity = found["similarity"].set_index("model")["similarity"]
    assert similarity["same"] == pytest.approx(1)
    assert abs(similarity["noise"]) < 0.3
    assert len(found["images"]) == 5


def test_too_little_is_said_so() -> None:
    with pytest.raises(NotEstimable, match="no answers"):
        drawing_study(answers(2).assign(correct=np.nan), **options())
    plain = answers(2)[["participant", "condition", "correct"]].query("condition == 'human'")
    assert list(drawing_study(plain, **options()).tables()) == ["recognition"]
    maps, rows = click_maps(4, people=1)
    with pytest.raises(NotEstimable, match="maps of two people"):
        click_map_study(maps, rows, image="image", **options())
    maps, rows = click_maps(4)
    odd = click_map_study(maps, rows, image="image", models={"m": {}}, **options(n_splits=5))
    assert "similarity" not in odd.tables()
    assert any("No similarity of m" in note for note in odd.notes)
