"""Two bases at several layers: what is asked, shown and declared."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.audit import audit_study
from experiments.observers import Psychometric
from experiments.paradigms import BuildRequest, get_paradigm
from experiments.paradigms.two_afc_template import pool_of
from experiments.schedule import draw_schedule
from experiments.simulate import simulate
from experiments.study import Study
from lens_core.atlas import Atlas, LensError
from tests.support.studies import SMALL

LAYERS = ("block.1", "block.2", "block.3")


def built(out: Path, atlas: Atlas, **design: Any) -> Study:
    request = BuildRequest(out, "bases", "Bases", atlases=(atlas.root,), design=SMALL | design)
    return get_paradigm("basis_layers").build(request)


def similarity(study: Study) -> float:
    tests = [t for (_, use), group in pool_of(study).by_use.items() if use == "test" for t in group]
    return float(np.mean([t.query_similarity for t in tests]))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, synthetic_atlas: Atlas) -> Study:
    return built(tmp_path_factory.mktemp("bases") / "plain", synthetic_atlas)


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two bases at three layers, from a table of trials."""
    folder = tmp_path_factory.mktemp("layered")
    rng = np.random.default_rng(0)
    names = [f"{number}.png" for number in range(12)]
    for name in names:
        Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(folder / name)
    rows = []
    for basis in ("concepts", "units"):
        for layer in LAYERS:
            for number in range(10):
                order = rng.permutation(names)
                rows.append(
                    {"condition": basis, "basis": basis, "layer": layer}
                    | {"item": f"{basis}-{layer}-{number // 2}", "correct": order[0]}
                    | {"distractor": order[1], "strong": order[2], "weak": order[3]}
                    | {"visualization": order[4]}
                )
    with (folder / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    request = BuildRequest(
        folder / "study", "layered", "Layered", table=folder / "trials.csv", design={"n_trials": 18}
    )
    return get_paradigm("basis_layers").build(request)


def test_layers_by_basis_are_declared_and_every_person_meets_every_layer(layered: Study) -> None:
    assert layered.config.analysis.formula == "correct ~ basis * layer"
    assert [f for f in audit_study(layered) if f.level == "error"] == []
    for seed in range(5):
        tests = [t for t in draw_schedule(layered, "units", seed) if t.phase == "test"]
        assert {t.columns["basis"] for t in tests} == {"units"}
        met = {layer: {t.item for t in tests if t.columns["layer"] == layer} for layer in LAYERS}
        assert {layer: len(items) for layer, items in met.items()} == dict.fromkeys(LAYERS, 2)
        assert {t.columns["experiment"] for t in tests} == {"plain"}


def test_the_analysis_knows_it(layered: Study, tmp_path: Path) -> None:
    from analysis.dataset import read_dataset
    from analysis.programmes.registry import recognise

    simulate(layered, 8, Psychometric(), 1, tmp_path / "data")
    dataset = read_dataset(tmp_path / "data")
    assert set(dataset.trials["layer"]) == set(LAYERS)
    found = recognise("basis_layers", dataset.trials)
    assert found is not None
    assert found.known.name == "basis_layers"


def test_a_layer_without_a_basis_is_found(layered: Study) -> None:
    pool = pool_of(layered)
    kept = {
        key: tuple(t for t in group if (t.basis, t.layer) != ("units", LAYERS[2]))
        for key, group in pool.by_use.items()
    }
    broken = Study.open(layered.root)
    broken.remember("two_afc.pool", lambda: replace(pool, by_use=kept))
    texts = [f.text for f in broken.task.audit(broken) if f.check == "layers"]
    assert any("no item of units at block.3" in text for text in texts)


def test_queries_alike_differ_in_less_but_the_item(
    plain: Study, synthetic_atlas: Atlas, tmp_path: Path
) -> None:
    alike = built(tmp_path / "alike", synthetic_atlas, queries="alike")
    assert similarity(alike) > similarity(plain) + 0.2
    trial = draw_schedule(alike, "units", 1)[-1]
    assert trial.columns["experiment"] == "semantics"
    assert [f for f in audit_study(alike) if f.level == "error"] == []


@pytest.mark.parametrize("how", ["beside", "instead"])
def test_visualizations_stand_with_the_strong_side(
    how: str, synthetic_atlas: Atlas, tmp_path: Path
) -> None:
    study = built(tmp_path / "seen", synthetic_atlas, visualizations=how)
    assert [f for f in audit_study(study) if f.level == "error"] == []
    tests = [t for t in draw_schedule(study, "concepts", 3) if t.phase == "test"]
    for trial in tests:
        public = study.task.public(trial, lambda name: f"/{name}")
        assert len(public["references"]["visualization"]) == 1
        assert bool(public["references"]["strong"]) == (how == "beside")
        assert public["kind"] == "two_afc"
    shown = {trial.stimuli["visualization"][0] for trial in tests}
    assert shown <= set(study.stimulus_ids)
    assert len(shown) == len({trial.item for trial in tests})
    told = study.config.instructions[1].markdown
    assert "what excites the detector most" in told
    assert ("responds strongly to them" in told) == (how == "beside"), "there are no such pictures"


def test_one_basis_is_refused(tmp_path: Path) -> None:
    from tests.support.atlases import make_atlas

    atlas = make_atlas(tmp_path / "atlas", n_classes=2, units=False)
    with pytest.raises(LensError, match="compares two bases"):
        built(tmp_path / "study", atlas)
    assert not (tmp_path / "study").exists()
