"""Pictures brought beside an atlas: any method is a condition, without touching code."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.audit import audit_study
from experiments.observers import Psychometric
from experiments.paradigms import BuildRequest, get_paradigm
from experiments.paradigms.choice_template import choice_pool
from experiments.schedule import draw_schedule
from experiments.simulate import simulate_one
from experiments.stimuli import read_picture
from experiments.study import Study
from lens_core.atlas import Atlas, LensError
from tests.support.atlases import make_atlas
from tests.support.mistakes import make_mistaken

MINE = (200, 30, 160)


def build(task: str, out: Path, atlas: Atlas, brought: Path, **design: Any) -> Study:
    request = BuildRequest(
        out=out, name="b", title="B", atlases=(atlas.root,), explanations=brought,
        design={"stimulus_px": 32, **design},
    )  # fmt: skip
    return get_paradigm(task).build(request)


def errors(study: Study) -> list[str]:
    return [f"{f.check}: {f.text}" for f in audit_study(study) if f.level == "error"]


def colour(study: Study, stimulus: str) -> tuple[int, ...]:
    pixels = np.asarray(read_picture(study.stimulus_path(stimulus)), float)
    return tuple(int(value) for value in pixels.mean((0, 1)).round())


def write_table(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    table = folder / "pictures.csv"
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["item", "image", "method", "file", "value"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return table


def plain(file: Path, rgb: tuple[int, int, int] = MINE) -> str:
    """A picture of one colour, faintly textured, so that no two are the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(str(file).encode()))
    texture = rng.integers(-9, 10, (10, 10, 1)).repeat(4, axis=0).repeat(4, axis=1)
    texture -= round(float(texture.mean()))
    Image.fromarray(np.clip(np.array(rgb) + texture, 0, 255).astype(np.uint8)).save(file)
    return file.name


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("brought")
    return make_atlas(folder / "atlas", n_classes=2, n_images=48, units=False)


@pytest.fixture(scope="module")
def pictures(atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``lens atlas pictures`` writes: three looks a concept, six photographs, two versions."""
    folder = tmp_path_factory.mktemp("pictures")
    rows: list[dict[str, Any]] = []
    for entry in atlas.classes:
        loaded = atlas.load_class(entry.id)
        held_out = loaded.images[loaded.images["split"] == "held_out"]
        for concept in loaded.info.of_dictionary("concepts"):
            item = f"{entry.id:05d}/{concept.id}"
            for n in range(3):
                name = plain(folder / f"look-{len(rows)}.png", (200, 30, 40 * n))
                rows.append({"item": item, "method": "maco", "file": name})
            for n, photo in enumerate(held_out["file"][:6]):
                for value in (0.1, 0.4 + 0.1 * n):
                    name = plain(folder / f"hid-{len(rows)}.png", (len(rows) % 256, 9, 20 * n))
                    row = {"item": item, "image": photo, "method": "hidden", "file": name}
                    rows.append({**row, "value": value})
    write_table(folder, rows)
    return folder


def test_two_versions_of_a_photograph_beside_nine_favourites(
    atlas: Atlas, pictures: Path, tmp_path: Path
) -> None:
    study = build("visualizations", tmp_path / "s", atlas, pictures, n_visualizations=3)
    assert errors(study) == []
    assert study.config.design.model_dump()["queries"] == "hidden"
    pool = choice_pool(study)
    for template in pool.by_use["optimized", "test"]:
        assert len(template.panels[0].stimuli) == 3, "as many visualizations as there are"
        right, wrong = sorted(template.options, key=lambda option: -option.evidence)
        assert right.name == study.key[template.template]
        assert template.columns["strength_strong"] > template.columns["strength_weak"] == 0.1
        assert len({template.query, right.name, wrong.name}) == 3
        assert template.source_image in template.sources
    for template in pool.by_use["natural", "test"]:
        assert len(set(template.sources)) == len(template.sources), "the photograph is no favourite"
        assert len(template.panels[0].stimuli) == len(template.sources) - 1
    mixed = pool.by_use["mixed", "test"][0].panels[0].stimuli
    looks = pool.by_use["optimized", "test"][0].panels[0].stimuli
    assert 0 < len(set(mixed) & set(looks)) < len(mixed)
    for kind in study.conditions:
        for template in pool.by_use[kind, "test"] + pool.by_use[kind, "catch"]:
            shown = [len(panel.stimuli) for panel in template.panels]
            usual = [len(panel.stimuli) for panel in pool.by_use[kind, "test"][0].panels]
            assert shown == usual, "nothing but its favourites tells a catch trial"
    (row, *_) = simulate_one(study, "none", Psychometric(), 1, 0)[1]
    assert row["occluded_left"] in (0, 1)


def test_each_question_is_asked_once_of_an_item(
    atlas: Atlas, pictures: Path, tmp_path: Path
) -> None:
    study = build("visualizations", tmp_path / "s", atlas, pictures, templates_per_item=9)
    tests = choice_pool(study).by_use["none", "test"]
    assert len({(t.item, t.query) for t in tests}) == len(tests) == 6 * 8


def test_several_methods_are_several_conditions(atlas: Atlas, tmp_path: Path) -> None:
    items = [
        f"{entry.id:05d}/{concept.id}"
        for entry in atlas.classes
        for concept in atlas.load_class(entry.id).info.of_dictionary("concepts")
    ]
    rows = [
        {"item": item, "method": method, "file": plain(tmp_path / f"{method}-{n}.png", (9, n, 9))}
        for method in ("fourier", "mine")
        for n, item in enumerate(items)
    ]
    table = write_table(tmp_path, rows)
    kinds = {"kinds": "natural,optimized"}
    study = build("visualizations", tmp_path / "v", atlas, table, **kinds)
    assert study.conditions == ("natural", "optimized-fourier", "optimized-mine")
    assert study.config.source.explanations_sha256
    paired = build("plausibility", tmp_path / "p", atlas, table, crops=False)
    names = {o.name for t in choice_pool(paired).by_use["pairs", "test"] for o in t.options}
    assert names == {"visualization", "fourier", "mine"}
    card = choice_pool(build("naming", tmp_path / "n", atlas, table)).by_use["card", "test"][0]
    assert card.query


def test_ones_own_explanation_against_the_built_in_ones(tmp_path: Path) -> None:
    """A folder with a folder for each method, pictures under the names of photographs."""
    atlas = make_mistaken(tmp_path / "atlas")
    for entry in atlas.classes:
        for file in atlas.load_class(entry.id).images["file"]:
            plain((tmp_path / "mine" / "ours" / str(file)).with_suffix(".png"))
    study = build(
        "meta_predictor", tmp_path / "s", atlas, tmp_path / "mine",
        methods="craft,ours", images_per_cell=12,
    )  # fmt: skip
    assert errors(study) == []
    assert study.conditions == ("baseline", "control", "craft", "ours")
    trials = draw_schedule(study, "ours", 0)
    taught = [t for t in trials if t.phase == "training"]
    assert {t.columns["method"] for t in taught} == {"ours"}
    for trial in taught:
        (shown,) = trial.stimuli["query"]
        assert np.abs(np.subtract(colour(study, shown), MINE)).max() <= 3
    same = {t.item for t in draw_schedule(study, "craft", 0) if t.phase == "test"}
    assert same == {t.item for t in trials if t.phase == "test"}, "all conditions ask alike"


def looks_by(folder: Path, atlas: Atlas, methods: Sequence[str]) -> Path:
    """A folder with a picture of each concept by each method."""
    for method in methods:
        for entry in atlas.classes:
            for concept in atlas.load_class(entry.id).info.of_dictionary("concepts"):
                plain(folder / method / f"{entry.id:05d}" / f"{concept.id}.png")
    return folder


def test_own_picture_stands_for_the_strong_side(atlas: Atlas, tmp_path: Path) -> None:
    brought = looks_by(tmp_path / "mine", atlas, ["ours"])
    study = build("two_afc", tmp_path / "s", atlas, brought, visualizations="beside")
    trial = next(t for t in draw_schedule(study, "concepts", 0) if t.phase == "test")
    shown = colour(study, trial.stimuli["visualization"][0])
    assert np.abs(np.subtract(shown, MINE)).max() <= 3


def test_what_cannot_be_brought_is_told(atlas: Atlas, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(LensError, match="nor folders of pictures"):
        build("naming", tmp_path / "s", atlas, tmp_path / "empty")
    name = plain(tmp_path / "a.png")
    with pytest.raises(LensError, match="of no item and of no image"):
        build(
            "naming", tmp_path / "s", atlas, write_table(tmp_path, [{"method": "m", "file": name}])
        )
    lone = {"item": "x", "image": "y", "method": "hidden", "file": name, "value": 1}
    with pytest.raises(LensError, match="needs two versions"):
        build("naming", tmp_path / "s", atlas, write_table(tmp_path, [lone]))
    with pytest.raises(LensError, match="give --atlas"):
        BuildRequest(out=tmp_path, name="n", title="n", explanations=tmp_path)
    with pytest.raises(LensError, match="visualizations=beside"):
        build("two_afc", tmp_path / "s", atlas, looks_by(tmp_path / "one", atlas, "a"))
    with pytest.raises(LensError, match=r"there are 2 methods \(a, b\)"):
        build(
            "basis_layers", tmp_path / "s", atlas, looks_by(tmp_path / "two", atlas, "ab"),
            visualizations="beside",
        )  # fmt: skip


@pytest.mark.parametrize("task", ["visualizations", "plausibility", "naming"])
def test_a_folder_of_pictures_does_without_a_table(task: str, atlas: Atlas, tmp_path: Path) -> None:
    """Pictures called as the concepts, in a folder for each method."""
    brought = looks_by(tmp_path / "mine", atlas, ["ours"])
    design = {"kinds": "natural,optimized"} if task == "visualizations" else {}
    study = build(task, tmp_path / "s", atlas, brought, items_per_class=2, **design)
    assert errors(study) == []
    assert study.config.source.explanations_sha256
    shown = {
        "visualizations": lambda t: t.panels[0].stimuli[0],
        "plausibility": lambda t: next(o.stimuli[0] for o in t.options if o.name == "ours"),
        "naming": lambda t: t.query,
    }
    tests = choice_pool(study).by_use[study.conditions[-1], "test"]
    if task == "plausibility":
        tests = tuple(t for t in tests if "ours" in {option.name for option in t.options})
    assert len({t.item for t in tests}) == 4
    for template in tests:
        found = colour(study, shown[task](template))
        assert np.abs(np.subtract(found, MINE)).max() <= 3


def test_cards_of_ones_own(tmp_path: Path) -> None:
    """The naming task from a table of cards, and from a folder that has it."""
    rows = [
        {
            "item": f"thing{n}",
            "crops": ";".join(plain(tmp_path / f"c{n}-{k}.png", (20 * n, 90, k)) for k in range(3)),
            "visualization": plain(tmp_path / f"v{n}.png"),
            "use": "practice" if n == 0 else "test",
        }
        for n in range(4)
    ]
    with (tmp_path / "trials.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    studies = [
        get_paradigm("naming").build(
            BuildRequest(tmp_path / name, "own", "Own", table=table, design={"stimulus_px": 32})
        )
        for name, table in (("a", tmp_path / "trials.csv"), ("b", tmp_path))
    ]
    assert errors(studies[0]) == []
    assert studies[0].templates == studies[1].templates
    (trial, *_) = [t for t in draw_schedule(studies[0], "all", 0) if t.phase == "test"]
    assert len(trial.stimuli["panel-0"]) == 3
    assert np.abs(np.subtract(colour(studies[0], trial.stimuli["query"][0]), MINE)).max() <= 3
