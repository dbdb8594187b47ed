"""Crops of another method's concepts are conditions of the intruder and of the binary choice."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.programmes.craft import binary_choice
from experiments.audit import audit_study
from experiments.observers import Guesser, Psychometric
from experiments.paradigms import BuildRequest, get_paradigm
from experiments.paradigms.choice_template import choice_pool
from experiments.schedule import draw_schedule
from experiments.simulate import simulate_one
from experiments.study import Study, read_rows
from lens_core.atlas import Atlas, LensError
from tests.support.atlases import make_atlas

CONCEPTS = {"bee": ("stripes", "wings"), "ant": ("legs", "ground", "shine")}
N_CROPS = 6
PARTS = ("left", "right")


def build(task: str, out: Path, atlas: Atlas, brought: Path, **design: Any) -> Study:
    request = BuildRequest(
        out=out, name="b", title="B", atlases=(atlas.root,), explanations=brought,
        design={"stimulus_px": 32, "n_crops": 3, **design},
    )  # fmt: skip
    return get_paradigm(task).build(request)


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("atlas") / "atlas"
    return make_atlas(folder, n_classes=1, n_images=48, units=False, divided=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``ace/CLASS/CONCEPT/PART/n.png``, each picture another."""
    root = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(0)
    for of_class, concepts in CONCEPTS.items():
        for concept in concepts:
            for part in PARTS:
                place = root / "ace" / of_class / concept / part
                place.mkdir(parents=True)
                for n in range(N_CROPS):
                    pixels = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
                    Image.fromarray(pixels).resize((40, 40), 0).save(place / f"{n}.png")
    return root


def as_table(folder: Path, file: Path, photograph: bool) -> Path:
    """The same as a table; two crops each come from one photograph if asked for."""
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["method", "item", "file", "image"])
        for picture in sorted((folder / "ace").rglob("*.png")):
            item = picture.parent.relative_to(folder / "ace").as_posix()
            image = f"{item}-{int(picture.stem) // 2}.jpg" if photograph else ""
            writer.writerow(["ace", item, picture, image])
    return file


def errors(study: Study) -> list[str]:
    return [f"{f.check}: {f.text}" for f in audit_study(study) if f.level == "error"]


def test_intruders_among_another_methods_concepts(
    atlas: Atlas, folder: Path, tmp_path: Path
) -> None:
    study = build("intruder", tmp_path / "s", atlas, folder)
    assert errors(study) == []
    assert study.conditions == ("concept", "subconcept", "ace", "ace-subconcept")
    pool = choice_pool(study)
    tests = [t for c in ("ace", "ace-subconcept") for t in pool.by_use[c, "test"]]
    assert {t.item for t in tests} == {
        f"ace/{of_class}/{name}"
        for of_class, concepts in CONCEPTS.items()
        for concept in concepts
        for name in (concept, *(f"{concept}/{part}" for part in PARTS))
    }
    for template in tests:
        right = study.key[template.template]
        assert max(template.options, key=lambda option: option.evidence).name == right
        (odd, *own) = template.sources
        inside = f"ace/{template.columns['concept_id']}/"
        assert len(own) == len(set(own)) == 3
        assert all(source.startswith(inside) for source in own)
        concept = template.columns["parent_id"] or template.columns["concept_id"]
        assert not odd.startswith(f"ace/{concept}/")
        assert odd.split("/")[1] == inside.split("/")[1], "of the same class"
    rows = simulate_one(study, "within", Psychometric(), 1, 0)[1]
    assert {row["condition"] for row in rows if row["phase"] == "test"} == set(study.conditions)
    universe = read_rows(study.root / "universe.parquet")
    listed = {row["source_image"] for row in universe if row["condition"] == "ace"}
    assert len(listed) == 5 * 2 * N_CROPS, "every crop, a concept's being those of its parts"


def test_a_table_tells_which_photograph_a_crop_is_of(
    atlas: Atlas, folder: Path, tmp_path: Path
) -> None:
    table = as_table(folder, tmp_path / "own.csv", photograph=True)
    study = build("intruder", tmp_path / "s", atlas, table)
    assert errors(study) == []
    for template in choice_pool(study).by_use["ace", "test"]:
        assert len(set(template.sources)) == 4, "one crop of a photograph"
        assert all(source.endswith(".jpg") for source in template.sources)


def test_parts_against_wholes_of_another_method(atlas: Atlas, folder: Path, tmp_path: Path) -> None:
    study = build("binary_choice", tmp_path / "s", atlas, folder)
    assert errors(study) == []
    assert study.conditions == ("subconcept", "ace-subconcept")
    tests = choice_pool(study).by_use["ace-subconcept", "test"]
    assert len({t.item for t in tests}) == 10
    by_name = {
        row["stimulus"]: row["source_image"] for row in read_rows(study.root / "universe.parquet")
    }
    letters = set()
    for template in tests:
        inside = f"ace/{template.columns['concept_id']}/"
        options = {option.name: option.stimuli for option in template.options}
        part = options.pop(study.key[template.template])
        letters.add(study.key[template.template])
        assert template.source_image.startswith(inside)
        assert all(by_name[name].startswith(inside) for name in part)
        (whole,) = options.values()
        assert len(part) == len(whole) == 3
        assert len(set(template.sources)) == 7
    assert letters == {"a", "b"}
    trials = draw_schedule(study, "ace-subconcept", 0)
    assert {t.condition for t in trials} == {"ace-subconcept"}
    rows = [
        row
        for cell in study.cells
        for number in range(6)
        for row in simulate_one(study, cell, Guesser(), number, number)[1]
        if row["phase"] == "test"
    ]
    trials_table = pd.DataFrame(rows)
    trials_table["participant"] += trials_table["condition"]
    found = binary_choice(trials_table, cluster="participant", rng=np.random.default_rng(0))
    assert list(found["binary_choice"]["group"]) == ["ace-subconcept", "subconcept"]


def test_what_holds_no_concepts_is_told(atlas: Atlas, folder: Path, tmp_path: Path) -> None:
    lone = tmp_path / "lone" / "ace" / "bee"
    lone.mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(lone / "1.png")
    for task, where in (("intruder", "CONCEPT/,"), ("binary_choice", "CONCEPT/PART/,")):
        with pytest.raises(LensError, match=f"into METHOD/CLASS/{where}"):
            build(task, tmp_path / "s", atlas, tmp_path / "lone")
    shutil.copytree(folder / "ace", tmp_path / "taken" / "concept")
    with pytest.raises(LensError, match="'concept' is a condition already"):
        build("intruder", tmp_path / "s", atlas, tmp_path / "taken")
