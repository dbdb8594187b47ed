"""Dictionaries that all classes share: what is common is one concept, and nothing is fitted twice.

The concepts are known: one colour a class, and white, which red foxes and blue have and green has
not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from lens_core import cli
from lens_core.atlas import Atlas, ConceptInfo, LensError, verify_atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.building import shared_close, shared_fit
from lens_core.building.portraits import maco_settings
from lens_core.building.shared_fit import Sample
from lens_core.classifier import Classifier, load_classifier
from lens_core.factorization.nnls import nnls
from lens_core.factorization.saving import load
from lens_core.visualization.maco import Targets, visualize
from tests.support.colours import MODEL, draw_patches

T = TypeVar("T")

SETTINGS = BuildSettings(
    concepts=5,
    bases=("concepts", "units"),
    scopes=("shared",),
    class_concepts=2,
    visualizations=False,
    display_px=64,
    strongest_crops=6,
    measures=False,
    seed=3,
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("patches")
    draw_patches(root)
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("colours") / "colours.py"
    file.write_text(MODEL, encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def classifier(model: str) -> Classifier:
    return load_classifier(f"{model}:make", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def atlas(classifier: Classifier, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    out = tmp_path_factory.mktemp("shared") / "atlas"
    build_atlas(classifier, images, out, SETTINGS)
    return Atlas.open(out)


def _row_of(atlas: Atlas, channel: int) -> int:
    """The row of the shared dictionary that is one channel."""
    concepts = load(atlas.root / "shared" / "concepts").dictionary
    rows = [row for row, w in enumerate(concepts) if w[channel] > 0.99]
    assert len(rows) == 1, concepts
    return rows[0]


def _shown(atlas: Atlas, class_id: int) -> dict[int | None, ConceptInfo]:
    return {c.row: c for c in atlas.load_class(class_id).info.of_dictionary("concepts")}


def test_what_two_classes_share_is_one_concept_and_what_one_has_is_its_own(atlas: Atlas) -> None:
    red, white = _row_of(atlas, 0), _row_of(atlas, 3)
    fox, green, blue = (_shown(atlas, class_id) for class_id in (0, 1, 2))
    assert set(fox) == {red, white}
    assert set(blue) == {_row_of(atlas, 2), white}
    assert fox[white].id == blue[white].id == f"concepts-{white}"
    assert white not in green, "there is nothing white in green images"
    info = atlas.shared("concepts").info
    of_white = next(c for c in info.concepts if c.row == white)
    assert {share.class_id for share in of_white.classes} == {0, 2}
    assert {place.class_id for place in of_white.crops} <= {0, 2}
    of_red = next(c for c in info.concepts if c.row == red)
    assert [share.class_id for share in of_red.classes] == [0]
    assert of_red.classes[0].importance == pytest.approx(fox[red].importance)
    closest = {place.class_id: place.closest[0] for place in info.classes}
    assert closest[0][0] == 2
    assert closest[2][0] == 0
    assert 0 < closest[0][1] < 1


def test_shares_with_those_not_shown_residual_and_bias_total_one(atlas: Atlas) -> None:
    for entry in atlas.classes:
        one = atlas.load_class(entry.id)
        for fit in one.info.fits:
            mine = one.info.of_dictionary(fit.dictionary)
            shown = sum(concept.importance for concept in mine)
            assert shown + fit.others + fit.residual + fit.bias == pytest.approx(1, abs=1e-5)
            whole = one.array(f"{fit.dictionary}/class_importances").astype(float)
            assert whole.sum() == pytest.approx(shown + fit.others)
            assert [whole[c.row] for c in mine if c.row is not None] == [
                pytest.approx(c.importance) for c in mine
            ]
            assert fit.error_crops < 0.05


def test_class_arrays_hold_the_rows_shown_alone(atlas: Atlas) -> None:
    whole = load(atlas.root / "shared" / "concepts").dictionary.numpy()
    fox = atlas.load_class(0)
    assert [c.index for c in fox.info.of_dictionary("concepts")] == [0, 1]
    rows = [c.row for c in fox.info.of_dictionary("concepts") if c.row is not None]
    assert np.allclose(fox.array("concepts/dictionary"), whole[rows])
    n, m = len(fox.images), len(fox.crops)
    shapes = {name: fox.array(f"concepts/{name}").shape for name in ("crop_values", "maps")}
    assert shapes == {"crop_values": (m, 2), "maps": (n, 2, 8, 8)}
    top = fox.array("concepts/contributions").argmax(1)
    assert (fox.images["top_concept"].to_numpy() == top).all()


def test_an_image_led_by_a_concept_not_shown_has_no_top_concept(
    classifier: Classifier, images: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"class_concepts": 1, "bases": ("concepts",)})
    build_atlas(classifier, images, tmp_path / "atlas", settings, classes="Red_Fox")
    fox = Atlas.open(tmp_path / "atlas").load_class(0)
    (shown,) = fox.info.concepts
    led = (fox.images["top_concept"] == 0).mean()
    assert 0 < led < 1
    assert set(fox.images["top_concept"]) == {0, -1}
    assert shown.prevalence == pytest.approx(led)
    assert fox.info.fits[0].others > 0.05


def test_rates_and_strongest_crops_are_those_of_all_crops(atlas: Atlas) -> None:
    shared = atlas.shared("units")
    found = load(atlas.root / "shared" / "units")
    rates = shared.array("firing_rates").astype(float)
    n_crops = sum(len(atlas.load_class(entry.id).crops) for entry in atlas.classes)
    assert shared.info.n_crops == n_crops
    assert shared.info.dead == 1, "the channel that never answers"
    assert [c.id for c in shared.info.concepts] == [
        f"units-{int(found.dictionary[c.row].argmax())}" for c in shared.info.concepts
    ]
    maps = shared.array("maps")
    for number, concept in enumerate(shared.info.concepts):
        assert concept.firing_rate == float(rates[concept.row]) > 0
        values = [place.value for place in concept.crops]
        assert values == sorted(values, reverse=True)
        assert len({place.image for place in concept.crops}) == len(concept.crops) == 6
        strongest = 0.0
        fired = 0
        for entry in atlas.classes:
            one = atlas.load_class(entry.id)
            by_row = {c.row: c.index for c in one.info.of_dictionary("units")}
            fired += int(one.array("units/class_firing")[concept.row])
            if concept.row in by_row:
                column = one.array("units/crop_values").astype(float)[:, by_row[concept.row]]
                assert int((column > 0).sum()) == one.array("units/class_firing")[concept.row]
                strongest = max(strongest, float(column.max()))
        assert values[0] == pytest.approx(strongest)
        assert concept.firing_rate == pytest.approx(fired / n_crops)
        first = concept.crops[0]
        one = atlas.load_class(first.class_id)
        row = one.crops.iloc[first.crop]
        assert first.box == tuple(row[["x0", "y0", "x1", "y1"]])
        assert first.image == f"classes/{first.class_id:05d}/images/{int(row['image']):04d}.webp"
        index = {c.row: c.index for c in one.info.of_dictionary("units")}[concept.row]
        of_class = one.array("units/maps")[int(row["image"]), index]
        assert (maps[number, 0] == of_class).all()
        assert all(atlas.path(place.picture).is_file() for place in concept.crops)


def test_it_is_whole_and_every_file_is_listed(atlas: Atlas) -> None:
    assert verify_atlas(atlas) == []
    listed = set(atlas.manifest.files)
    there = {p.relative_to(atlas.root).as_posix() for p in atlas.root.glob("shared/**/*.*")}
    assert there
    assert there <= listed
    assert atlas.similar.empty, "the same row is the same concept, not a similar one"


class Killed(Exception):
    pass


def _until(label: str) -> object:
    """Progress that ends the build where that label begins."""

    def track(items: Iterable[T], told: str, total: int | None = None) -> Iterable[T]:
        if told.startswith(label):
            raise Killed
        yield from items

    return track


@pytest.mark.parametrize("label", ["classes", "concepts: all classes", "units: crops"])
def test_a_build_killed_between_passes_goes_on_to_the_same_atlas(
    label: str,
    atlas: Atlas,
    classifier: Classifier,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Killed):
        build_atlas(classifier, images, tmp_path / "a", SETTINGS, track=_until(label))  # type: ignore[arg-type]
    with pytest.raises(LensError, match="run the same"):
        Atlas.open(tmp_path / "a")

    def never(*anything: object) -> None:
        raise AssertionError("what was fitted is fitted again")

    monkeypatch.setattr(shared_fit, "fit_basis", never)
    assert build_atlas(classifier, images, tmp_path / "a", SETTINGS).hash == atlas.hash


def test_visualizations_are_made_chunk_by_chunk_and_not_again(
    classifier: Classifier, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(
        update={
            "visualizations": True,
            "visualization_px": 32,
            "visualization_steps": 2,
            "shared_visualizations": 3,
            "bases": ("concepts",),
        }
    )
    two = replace(maco_settings(classifier, settings), at_once=2)
    monkeypatch.setattr(f"{shared_close.__name__}.maco_settings", lambda *anything: two)
    asked: list[int] = []

    def counting(sight: Classifier, targets: Targets, *given: Any) -> Any:
        asked.append(len(targets))
        if len(asked) == 2:
            raise Killed
        return visualize(sight, targets, *given)

    monkeypatch.setattr(f"{shared_close.__name__}.visualize", counting)
    with pytest.raises(Killed):
        build_atlas(classifier, images, tmp_path / "a", settings)
    build_atlas(classifier, images, tmp_path / "a", settings)
    assert asked == [2, 1, 1], "the chunk that was whole is kept"
    found = Atlas.open(tmp_path / "a")
    looks = {c.row: c.visualization for c in found.shared("concepts").info.concepts}
    made = [look for look in looks.values() if look]
    assert len(made) == 3
    assert all(found.path(look).is_file() for look in made)
    assert verify_atlas(found) == []


def test_a_sparse_autoencoder_and_its_dead_concepts(
    classifier: Classifier, images: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(
        update={"method": "topk_sae", "concepts": 12, "bases": ("concepts",), "fit_on": "maps"}
    )
    manifest = build_atlas(classifier, images, tmp_path / "a", settings)
    atlas = Atlas.open(tmp_path / "a")
    shared = atlas.shared("concepts")
    found = load(tmp_path / "a" / "shared" / "concepts")
    assert len(found.dictionary) == shared.info.n_concepts == 12
    rates = shared.array("firing_rates")
    assert shared.info.dead == int((rates == 0).sum())
    assert len(shared.info.concepts) + shared.info.dead == 12
    assert shared.array("importances").shape == (3, 12)
    for entry in atlas.classes:
        fit = atlas.load_class(entry.id).info.fits[0]
        total = atlas.load_class(entry.id).array("concepts/class_importances").astype(float).sum()
        assert total + fit.residual + fit.bias == pytest.approx(1, abs=1e-5)
    assert build_atlas(classifier, images, tmp_path / "b", settings).hash == manifest.hash


def test_how_many_concepts_an_autoencoder_keeps(
    classifier: Classifier, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[object] = []
    monkeypatch.setattr(
        shared_fit, "fit_basis", lambda basis, *rest: kept.append(basis.options["k"])
    )
    settings = SETTINGS.model_copy(update={"method": "topk_sae", "active": 2})
    with pytest.raises(RuntimeError, match="before fit"):
        build_atlas(classifier, images, tmp_path / "a", settings)
    assert kept == [2]
    for update, said in (
        ({"method": "nmf", "active": 2}, "--active is for topk_sae and batch_topk_sae"),
        ({"method": "topk_sae", "concepts": 3}, "--concepts 3: topk_sae: k must be from 1 to"),
    ):
        with pytest.raises(LensError, match=said):
            build_atlas(classifier, images, tmp_path / "b", SETTINGS.model_copy(update=update))
    assert not (tmp_path / "b").exists()


def test_a_head_that_is_not_linear(model: str, images: Path, tmp_path: Path) -> None:
    bent = load_classifier(f"{model}:bent", device="cpu", precision="float32")
    settings = SETTINGS.model_copy(update={"bases": ("concepts",)})
    build_atlas(bent, images, tmp_path / "a", settings, classes="blue,Red_Fox")
    atlas = Atlas.open(tmp_path / "a")
    for entry in atlas.classes:
        info = atlas.load_class(entry.id).info
        fit = info.fits[0]
        shown = sum(c.importance for c in info.concepts)
        assert shown + fit.others + fit.residual + fit.bias == pytest.approx(1, abs=1e-5)
        assert all(c.sobol_total is None for c in info.concepts)
        assert info.of_dictionary("concepts")[0].importance > 0.2


def test_beside_dictionaries_of_each_class(
    classifier: Classifier, images: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"scopes": ("class", "shared"), "bases": ("concepts",)})
    build_atlas(classifier, images, tmp_path / "a", settings)
    atlas = Atlas.open(tmp_path / "a")
    assert [(d.id, d.scope) for d in atlas.dictionaries] == [
        ("concepts", "class"),
        ("shared.concepts", "shared"),
    ]
    fox = atlas.load_class(0)
    assert len(fox.info.of_dictionary("concepts")) == 5
    assert len(fox.info.of_dictionary("shared.concepts")) == 2
    assert not atlas.similar.empty
    assert all(not name.startswith("shared") for name in atlas.similar["concept_id"])
    with pytest.raises(LensError, match="'concepts' is not shared"):
        atlas.shared("concepts")


def test_every_class_gives_alike_and_memory_is_bounded(
    classifier: Classifier, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = Sample(quota=6, n_classes=3, n_channels=2)
    for class_id, count in enumerate((6, 2, 4)):
        sample.add(torch.full((count, 2), float(class_id)), torch.ones(2))
    rows = sample.balanced(0)
    assert torch.bincount(rows[:, 0].long()).tolist() == [6, 6, 6]
    assert sample.contribution.tolist() == [3.0, 3.0]
    seen: list[torch.Size] = []
    monkeypatch.setattr(shared_fit, "fit_basis", lambda basis, rows, *rest: seen.append(rows.shape))
    settings = SETTINGS.model_copy(update={"shared_rows": 90, "bases": ("concepts",)})
    with pytest.raises(RuntimeError, match="before fit"):
        build_atlas(classifier, images, images.parent / "never", settings)
    assert seen == [(90, 5)]


def test_codes_do_not_depend_on_how_many_are_solved_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(40, 6, generator=generator)
    w = torch.rand(4, 6, generator=generator)
    whole = nnls(a, w)
    monkeypatch.setattr("lens_core.factorization.nnls._GRAM_NUMBERS", 16 * 7)
    assert torch.allclose(nnls(a, w), whole, atol=1e-6)


def test_show_tells_the_dead_and_the_rates(atlas: Atlas) -> None:
    said = CliRunner().invoke(cli.show, [str(atlas.root), "--class", "blue"]).output
    assert "shared by all classes: 4 occur, 1 never do" in said
    assert "concepts-" in said
    told = json.loads(CliRunner().invoke(cli.show, [str(atlas.root), "--json"]).output)
    units = next(each for each in told["shared"] if each["dictionary"] == "units")
    assert (units["dead"], len(units["firing_rates"])) == (1, 4)
