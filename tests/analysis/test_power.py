"""``lens power`` on a small study made from the synthetic atlas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from scipy.special import logit

from analysis.cli import power
from analysis.errors import AnalysisError
from analysis.power import Asked, StudySimulator, describe, study_power
from analysis.power_report import power_content
from experiments.observers import Psychometric
from experiments.study import Study
from experiments.truth import calibrated
from tests.analysis.test_cli import Quiet
from tests.support.atlases import make_atlas
from tests.support.studies import make_study

FEW: dict[str, Any] = {"sizes": (8, 24), "n_simulations": 20}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("power")
    return make_study(root / "study", make_atlas(root / "atlas"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(power, [str(argument) for argument in arguments], obj=Quiet())


def test_simulated_people_are_those_of_the_study(study: Study) -> None:
    """Accuracies as calibrated, trials and items as scheduled."""
    observer = calibrated(study, Psychometric(), 0.7, 0.6)
    simulator = StudySimulator(study, observer, 200, 0)
    trials = simulator.draw(200, np.random.default_rng(0))
    assert trials.groupby("participant").size().unique().tolist() == [12]
    means = trials.groupby("condition")["correct"].mean()
    names = study.conditions
    reference = study.config.analysis.reference or names[0]
    (other,) = (name for name in names if name != reference)
    assert means[reference] == pytest.approx(0.7, abs=0.05)
    assert logit(means[other]) - logit(means[reference]) == pytest.approx(0.6, abs=0.35)
    part = simulator.draw(10, np.random.default_rng(0))
    assert part["number"].max() == 9
    for items in (2, 40):
        few = simulator.draw(200, np.random.default_rng(1), items)
        assert few.groupby("condition")["item"].nunique().max() <= items
        assert few.groupby("condition")["item"].nunique().min() >= min(items, 8) * 0.7


def test_more_people_and_larger_effects_have_more_power(study: Study) -> None:
    found = study_power(study, Asked(effects=(0.0, 1.2), loss=0.5, width=0.4, **FEW))
    table = found.table.set_index(["effect", "n_participants"])["power"]
    assert table[1.2, 24] > table[1.2, 8]
    assert table[0.0, 24] <= 0.25
    widths = found.table.set_index(["effect", "n_participants"])["width"]
    assert widths[1.2, 24] < widths[1.2, 8]
    needed = found.needed.set_index("effect")
    assert np.isnan(needed.loc[0.0, "people"])
    assert {"for_width", "words_width"} <= set(needed.columns)


def test_sequential(study: Study) -> None:
    found = study_power(study, Asked(effects=(1.5,), looks=(8, 24), spending="pocock", **FEW))
    assert found.sequential["n_participants"].tolist() == [8, 24]
    assert found.sequential["type_i"].iloc[-1] <= 0.05
    assert found.sequential["expected_people"].iloc[0] <= 24


def test_command(study: Study, tmp_path: Path) -> None:
    out = tmp_path / "power"
    arguments = ("--effect", 1.2, "--people", "8,16", "--simulations", 20, "--items", "6,12")
    result = run(study.root, *arguments, "--out", out)
    assert result.exit_code == 0, result.output
    assert "log odds 1.20, 6 items a condition: power of 0.8" in result.output
    content = json.loads((out / "power.json").read_text())
    assert len(content["curve"]) == 4
    assert (content["about"]["correction"], content["about"]["alpha"]) == ("holm", 0.05)
    assert "Holm's correction, as declared" in content["method"]
    page = (out / "report.html").read_text()
    assert "<script" not in page
    assert f"{100 * content['curve'][0]['power']:.1f}\u00a0%" in page
    assert (out / "tables" / "curve.csv").is_file()
    assert (out / "figures" / "power.png").read_bytes().startswith(b"\x89PNG")
    again = run(study.root, *arguments, "--out", out)
    assert isinstance(again.exception, AnalysisError)
    assert "--force" in str(again.exception)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--effect", 1, "--people", "2"), "start at 4"),
        (("--effect", 1, "--items", "1"), "start at 2"),
        (("--effect", 1, "--loss", "2"), "no share"),
        (("--effect", 1, "--accuracy", "0.4"), "out of reach"),
    ],
)
def test_wrong_input_is_one_line(
    study: Study, tmp_path: Path, arguments: tuple[object, ...], word: str
) -> None:
    result = run(study.root, "--out", tmp_path / "out", "--simulations", 20, *arguments)
    assert word in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_list_of_numbers_is_needed(study: Study, tmp_path: Path) -> None:
    result = run(study.root, "--effect", 1, "--out", tmp_path / "o", "--people", "many")
    assert result.exit_code == 2
    assert "no list of whole numbers" in result.output


def test_power_follows_the_declared_level_and_correction(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the study declares reaches the simulations and the page."""
    declared = study.config.analysis.model_copy(update={"correction": "tukey", "alpha": 0.01})
    config = study.config.model_copy(update={"analysis": declared})
    strict = Study(study.root, config, study.task)
    about = describe(strict, Asked(effects=(1.0,)))
    empty = pd.DataFrame()
    told = power_content(about, empty, empty, empty)["method"]
    assert "Tukey's correction, as declared" in told
    told = power_content({**about, "correction": "none"}, empty, empty, empty)["method"]
    assert "uncorrected" in told

    def stop(opened: Study, asked: Asked, track: object) -> None:
        raise AnalysisError(f"{opened.config.analysis.correction} at {asked.alpha:g}")

    monkeypatch.setattr("analysis.power.open_study", lambda path: strict)
    monkeypatch.setattr("analysis.power.study_power", stop)
    result = run(study.root, "--effect", 1, "--out", tmp_path / "out")
    assert str(result.exception) == "tukey at 0.01"
