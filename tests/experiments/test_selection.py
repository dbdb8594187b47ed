"""Part of an atlas: what was not selected is not there, and the study file says what was."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from experiments.cli import new
from experiments.paradigms import BuildRequest, get_paradigm
from experiments.selection import EVERYTHING, Selection, open_selected
from experiments.study import Study
from lens_core.atlas import Atlas, LensError
from tests.support.studies import SMALL


def build(atlas: Atlas, out: Path, selection: Selection) -> Study:
    design: dict[str, Any] = SMALL | {"n_references": 3}
    request = BuildRequest(
        out, "part", "Part", (atlas.root,), seed=3, design=design, selection=selection
    )
    return get_paradigm("two_afc").build(request)


def items(study: Study) -> set[str]:
    return {str(row["item"]) for row in study.templates}


def test_classes(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    study = build(synthetic_atlas, tmp_path / "s", Selection(classes=(2,)))
    assert {item.split("/")[0] for item in items(study)} == {"00002"}
    assert study.config.source.selected is not None
    assert study.config.source.selected.how == "classes"
    assert study.config.source.atlases[0].hash == synthetic_atlas.hash


def test_picked_by_hand_is_recorded_as_such(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    picked = ("0/concepts-1", "1/concepts-0", "0/units-1", "1/units-2")
    study = build(synthetic_atlas, tmp_path / "s", Selection(concepts=picked))
    assert items(study) == {f"{int(p[0]):05d}/{p[2:]}" for p in picked}
    kept = tomllib.loads((tmp_path / "s" / "study.toml").read_text())["source"]["selected"]
    assert kept["how"] == "by hand"
    assert kept["concepts"] == list(picked)


def test_a_sample_takes_one_of_each_stratum_by_seed(synthetic_atlas: Atlas) -> None:
    def drawn(seed: int, n: int = 2) -> list[list[str]]:
        part = open_selected(synthetic_atlas.root, Selection(per_class=n), seed)
        assert part.hash == synthetic_atlas.hash
        return [
            [concept.id for concept in part.load_class(entry.id).info.of_dictionary("concepts")]
            for entry in part.classes
        ]

    for class_id, chosen in enumerate(drawn(0)):
        ranked = synthetic_atlas.load_class(class_id).info.of_dictionary("concepts")
        ids = [concept.id for concept in ranked]
        assert [ids.index(one) // 2 for one in chosen] == [0, 1]
    assert drawn(0) == drawn(0)
    assert len({str(drawn(seed)) for seed in range(8)}) > 1
    assert drawn(0, 99) == drawn(1, 99), "more than there are is all of them"


def test_entries_and_classes_agree(synthetic_atlas: Atlas) -> None:
    part = open_selected(synthetic_atlas.root, Selection(classes=(1,), per_class=1), 0)
    (entry,) = part.classes
    loaded = part.load_class(1).info.concepts
    assert {c.id for c in entry.concepts} == {c.id for c in loaded}
    with pytest.raises(LensError, match="no class 0"):
        part.load_class(0)
    assert type(open_selected(synthetic_atlas.root, EVERYTHING, 0)) is Atlas


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(classes=(77,)), "no class 77"),
        (Selection(concepts=("0/concepts-99",)), "no concept 'concepts-99'"),
        (Selection(concepts=("concepts-1",)), "write CLASS/CONCEPT"),
        (Selection(per_class=0), "at least 1"),
    ],
)
def test_mistakes(synthetic_atlas: Atlas, selection: Selection, words: str) -> None:
    with pytest.raises(LensError, match=words):
        open_selected(synthetic_atlas.root, selection, 0)


def test_the_command_selects(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    from tests.analysis.test_cli import Quiet

    words = ["two_afc", "--out", str(tmp_path / "s"), "--atlas", str(synthetic_atlas.root)]
    words += [f"--set={name}={value}" for name, value in (SMALL | {"n_references": 3}).items()]
    done = CliRunner().invoke(new, [*words, "--class", "1", "--per-class", "2"], obj=Quiet())
    assert done.exit_code == 0, done.output
    assert {item[:5] for item in items(Study.open(tmp_path / "s"))} == {"00001"}
    alone = CliRunner().invoke(new, ["two_afc", "--out", str(tmp_path / "t"), "--class", "1"])
    assert "give --atlas" in str(alone.exception)
