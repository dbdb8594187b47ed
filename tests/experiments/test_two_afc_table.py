from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments.audit import audit_study
from experiments.observers import Psychometric
from experiments.paradigms import BuildRequest, get_paradigm
from experiments.simulate import simulate
from experiments.study import Study
from lens_core.atlas import LensError

Trial = dict[str, str]


def pictures(folder: Path, n: int = 14) -> list[str]:
    rng = np.random.default_rng(0)
    names = [f"photo {number}.png" for number in range(n)]
    for name in names:
        Image.fromarray(rng.integers(0, 255, (30, 44, 3), dtype=np.uint8)).save(folder / name)
    return names


def trials(names: list[str]) -> list[Trial]:
    uses = ["test"] * 6 + ["catch"] * 2 + ["obvious", "harder"]
    rows = []
    for number, use in enumerate(uses):
        for condition in ("mine", "theirs"):
            order = [names[(number + step) % len(names)] for step in range(6)]
            row = {"condition": condition, "item": f"{condition}-{number % 3}", "use": use}
            row |= {"strong": f"{order[0]}; {order[1]}", "weak": f"{order[2]};{order[3]}"}
            row |= {"correct": order[4], "distractor": order[5]}
            if use == "catch":
                row |= {"correct": order[0], "distractor": order[3]}
            rows.append(row)
    return rows


def build(folder: Path, rows: list[Trial]) -> Study:
    with (folder / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    design = {"n_trials": 6, "n_catch": 2, "stimulus_px": 24}
    request = BuildRequest(
        out=folder / "study", name="own", title="Own", table=folder / "trials.csv", design=design
    )
    return get_paradigm("two_afc").build(request)


def test_any_pictures_make_a_study(tmp_path: Path) -> None:
    study = build(tmp_path, trials(pictures(tmp_path)))
    assert study.conditions == ("mine", "theirs")
    assert [f for f in audit_study(study) if f.level == "error"] == []
    simulate(study, 4, Psychometric(), seed=0, out=tmp_path / "data")
    assert (tmp_path / "data" / "manifest.json").is_file()
    schedule = study.task.schedule(study, "mine", 3)
    assert [trial.phase for trial in schedule][:2] == ["practice", "practice"]
    for trial in schedule:
        seen = study.task.percept(trial, study).seen_among_references
        assert sorted(seen) == ([-1, 1] if trial.phase == "catch" else [0, 0])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"correct": "nowhere.png"}, r"picture .*nowhere\.png is missing"),
        ({"use": "warmup"}, "line 2: use 'warmup' is none of test, catch"),
        ({"weak": " "}, "line 2: weak is empty"),
        ({"strength_correct": "much"}, "strength_correct 'much' is no number"),
        ({"mood": "3"}, "has a column 'mood'"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, change: Trial, fault: str) -> None:
    row = trials(pictures(tmp_path))[0] | change
    with pytest.raises(LensError, match=fault) as caught:
        build(tmp_path, [row])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_missing_table_and_columns(tmp_path: Path) -> None:
    with pytest.raises(LensError, match="has no column 'correct'; it needs item"):
        build(tmp_path, [{"item": "x"}])
    request = BuildRequest(out=tmp_path / "s", name="s", title="s", table=tmp_path / "no.csv")
    with pytest.raises(LensError, match="no table of trials at"):
        get_paradigm("two_afc").build(request)
