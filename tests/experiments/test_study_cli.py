from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from experiments import cli
from experiments.study import Study
from lens_core.atlas import Atlas, LensError
from webapp.cli import Terminal

CopyOf = Callable[[Study], Path]


def run(command: click.Command, *arguments: object) -> Result:
    return CliRunner().invoke(
        command, [str(a) for a in arguments], obj=Terminal(), catch_exceptions=False
    )


def refused(command: click.Command, *arguments: object) -> str:
    """The one line of a mistake that ends with exit code 2."""
    with pytest.raises(LensError) as caught:
        run(command, *arguments)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_new_check_freeze_simulate(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    folder, data = tmp_path / "My Study", tmp_path / "data"
    settings = [f"--set={s}" for s in ("n_trials=12", "stimulus_px=48", "question=Which?")]
    made = run(cli.new, "two_afc", "--out", folder, "--atlas", synthetic_atlas.root, *settings)
    assert "2 conditions (concepts, units), 24 items" in made.stdout
    assert "note: 3 references a side instead of 9" in made.stderr
    study = Study.open(folder)
    assert study.name == "my-study"
    assert study.config.model_dump()["design"]["question"] == "Which?"
    checked = run(cli.check, folder)
    assert (checked.exit_code, checked.stdout.splitlines()[-1]) == (
        0,
        f"{folder}: sound, 0 warnings, not frozen yet",
    )
    frozen = run(cli.freeze, folder)
    assert Study.open(folder, require_frozen=True).hash in frozen.stdout
    done = run(
        cli.simulate, folder, "--participants", 4, "--out", data, "--seed", 1, "--effect", 0.5
    )
    assert "4 simulated participants of my-study" in done.stdout
    assert "expected accuracy: concepts 0." in done.stderr
    planted = json.loads((data / "dataset_description.json").read_text())["simulation"]
    assert planted["truth"]["log_odds"]["concepts"] == pytest.approx(0.5)
    assert planted["observer"] == "psychometric"


def test_check_found_wanting(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)
    path = root / "stimuli" / f"{draft.stimulus_ids[0]}.webp"
    path.write_bytes(path.read_bytes() + b"\0\0")
    checked = run(cli.check, root)
    assert checked.exit_code == 1
    assert checked.stdout.startswith("error: file size: files have 2 different sizes")
    stopped = run(cli.freeze, root)
    assert stopped.exit_code == 1
    assert "not frozen, the audit found 1 errors" in stopped.stdout
    assert not (root / "frozen.json").exists()
    assert run(cli.freeze, root, "--force").exit_code == 0


def test_changed_after_freezing(study: Study, copy_of: CopyOf, tmp_path: Path) -> None:
    root = copy_of(study)
    with (root / "study.toml").open("a") as file:
        file.write("\n# a harmless remark\n")
    simulation = ("--participants", 2, "--out", tmp_path / "data")
    for command, arguments in ((cli.check, ()), (cli.freeze, ()), (cli.simulate, simulation)):
        assert "study.toml changed" in refused(command, root, *arguments)
    assert not (tmp_path / "data").exists()


def test_mistakes(study: Study, synthetic_atlas: Atlas, tmp_path: Path) -> None:
    atlas, out = synthetic_atlas.root, tmp_path / "s"
    assert "no atlas at" in refused(cli.new, "two_afc", "--out", out, "--atlas", tmp_path / "no")
    assert "give --atlas ATLAS" in refused(cli.new, "two_afc", "--out", out)
    assert "no paradigm 'x'" in refused(cli.new, "x", "--out", out, "--atlas", atlas)
    new = ("two_afc", "--out", out, "--atlas", atlas)
    assert "write FIELD=VALUE" in refused(cli.new, *new, "--set", "n_trials")
    assert "n_trails: Extra inputs" in refused(cli.new, *new, "--set", "n_trails=3")
    assert "--seed -1" in refused(cli.new, *new, "--seed", -1)
    (tmp_path / "t.csv").touch()
    assert "not both" in refused(cli.new, *new, "--stimuli", tmp_path / "t.csv")
    assert "give one of" in refused(cli.new, *new, "--generator", "leaves")
    drawn = ("--out", out, "--generator", "leaves")
    assert "has stimuli for intruder" in refused(cli.new, "two_afc", *drawn)
    assert not out.exists()
    assert "no study at" in refused(cli.check, tmp_path / "nowhere")
    data = tmp_path / "d"
    simulate = (study.root, "--participants", 2, "--out", data)
    assert "no observer 'x'" in refused(cli.simulate, *simulate, "--observer", "x")
    assert "out of reach" in refused(cli.simulate, *simulate, "--accuracy", 0.4)
    assert "ftp://x" in refused(cli.simulate, *simulate, "--server", "ftp://x")
    assert not data.exists()


def test_settings() -> None:
    assert cli.parse_setting("n_trials=20") == ("n_trials", 20)
    assert cli.parse_setting("strong_quantile = 0.9") == ("strong_quantile", 0.9)
    assert cli.parse_setting("view=image") == ("view", "image")
    assert cli.default_name(Path("/x/My Study_2")) == "my-study-2"
