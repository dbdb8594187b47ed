"""What a picture is like: codes are right, the right concept comes first, a worker answers."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from lens_core.atlas import Atlas, LensError
from lens_core.atlas.spool import FOLDER, Spool
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import Classifier, load_classifier
from lens_core.concept_search import ConceptSearch, codes, explains
from lens_core.factorization.nnls import nnls
from lens_core.worker import CropWorker, read_picture

QUICK = BuildSettings(
    concepts=3, bases=("concepts", "units"), scopes=("class", "shared"), class_concepts=3,
    visualizations=False, measures=False, display_px=64, seed=1,
)  # fmt: skip
RED, BLUE = (230, 20, 20), (20, 20, 230)


@pytest.fixture(scope="module")
def classifier(tiny_model: str) -> Classifier:
    return load_classifier(tiny_model, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def server(
    classifier: Classifier, tiny_images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A server's folder with one atlas."""
    folder = tmp_path_factory.mktemp("server")
    build_atlas(classifier, tiny_images, folder / "atlases" / "tiny", QUICK)
    return folder


@pytest.fixture(scope="module")
def atlas(server: Path) -> Atlas:
    return Atlas.open(server / "atlases" / "tiny")


def _png(colour: tuple[int, int, int], size: int = 40) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(out, "PNG")
    return out.getvalue()


def test_codes_of_many_dictionaries_are_those_of_each() -> None:
    generator = torch.Generator().manual_seed(0)
    stacked = torch.rand(5, 4, 20, generator=generator)
    stacked[2, 3] = 0  # a shorter dictionary, filled up
    activation = torch.rand(20, generator=generator)
    found = codes(stacked, activation)
    for dictionary, values in zip(stacked, found, strict=True):
        expected = nnls(activation[None], dictionary[dictionary.norm(dim=1) > 0])[0]
        assert values[: len(expected)].numpy() == pytest.approx(expected.numpy(), abs=2e-4)
    assert float(found[2, 3]) == 0
    signed = codes(stacked[:1], activation, non_negative=False)[0]
    best = np.linalg.lstsq(stacked[0].T.numpy(), activation.numpy(), rcond=None)[0]
    assert signed.numpy() == pytest.approx(best, abs=1e-3)


def test_hyperplanes_are_those_of_the_head(atlas: Atlas, classifier: Classifier) -> None:
    assert classifier.linear_head is not None
    for entry in atlas.classes:
        one = atlas.load_class(entry.id)
        for dictionary in atlas.dictionaries:
            weight = one.array(f"{dictionary.id}/hyperplane")
            assert (weight == classifier.linear_head.weight[entry.id].numpy()).all()


def test_a_colour_finds_the_units_that_see_it(atlas: Atlas, classifier: Classifier) -> None:
    answer = ConceptSearch(classifier, atlas).find(Image.new("RGB", (40, 40), RED))
    assert answer.predicted[0][0] == "red fox"
    units = [one for one in answer.found if one.dictionary == "units"]
    assert units[0].concept_id == "units-0"
    x = torch.tensor(RED).float().view(1, 3, 1, 1).expand(1, 3, 64, 64) / 255
    activation = classifier.encode(x).mean((2, 3))[0]
    assert units[0].value == pytest.approx(float(activation[0]), rel=1e-4)
    assert units[0].share == pytest.approx(float(activation[0] / activation.norm()), rel=1e-4)
    assert len({one.concept_id for one in units}) == len(units), "a unit is found once"


def test_a_class_s_strongest_crops_find_its_concept(atlas: Atlas, classifier: Classifier) -> None:
    search = ConceptSearch(classifier, atlas)
    for entry in atlas.classes:
        one = atlas.load_class(entry.id)
        concept = one.info.of_dictionary("concepts")[0]
        with Image.open(one.path(concept.crops[0])) as crop:
            found = [f for f in search.find(crop).found if f.dictionary == "concepts"]
        assert (found[0].class_id, found[0].concept_id) == (entry.id, concept.id)
        assert found[0].strength == pytest.approx(1, abs=0.2)


def test_shared_dictionaries_code_by_their_own_method(atlas: Atlas, classifier: Classifier) -> None:
    found = ConceptSearch(classifier, atlas).find(Image.new("RGB", (64, 64), BLUE)).found
    shared = [one for one in found if one.dictionary.startswith("shared")]
    assert shared
    assert all(one.class_id is None for one in shared)
    blue = atlas.shared(shared[0].dictionary).info
    first = next(c for c in blue.concepts if c.id == shared[0].concept_id)
    assert first.classes[0].class_id == 2


def test_another_model_does_not_answer(tiny_model: str, atlas: Atlas, server: Path) -> None:
    other = load_classifier(tiny_model.replace(":tiny", ":bent"), device="cpu")
    with torch.no_grad():
        other.weights_sha256 = "0" * 64
    assert not explains(atlas, other)
    with pytest.raises(LensError, match="none of the atlases"):
        CropWorker(server, other)
    with pytest.raises(LensError, match="no server with atlases"):
        CropWorker(server / "nowhere", other)


def test_a_worker_answers_until_it_is_stopped(classifier: Classifier, server: Path) -> None:
    spool = Spool(server / FOLDER)
    atlas = Atlas.open(server / "atlases" / "tiny")
    told: list[str] = []
    worker = CropWorker(server, classifier, told.append)
    stopped = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stopped,))
    thread.start()
    try:
        tokens = [spool.ask(_png(RED), atlas.hash), spool.ask(b"no picture", atlas.hash)]
        deadline = time.monotonic() + 60
        while any(spool.answer(token) is None for token in tokens):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert spool.workers(atlas.hash)[0].model == classifier.name
    finally:
        stopped.set()
        thread.join()
    good, bad = (spool.answer(token) for token in tokens)
    assert good is not None
    assert good.error is None
    assert good.found
    assert bad is not None
    assert bad.error == "the picture cannot be read"
    assert spool.workers(atlas.hash) == (), "it says good-bye"
    assert len(told) == 2


def test_only_a_png_of_a_sensible_size_is_opened() -> None:
    assert read_picture(_png(RED)).size == (40, 40)
    jpeg = io.BytesIO()
    Image.new("RGB", (8, 8)).save(jpeg, "JPEG")
    with pytest.raises(LensError, match="too large"):
        read_picture(_png(RED, 2000))
    for data in (b"", jpeg.getvalue(), _png(RED)[:60]):
        with pytest.raises(LensError, match="cannot be read"):
            read_picture(data)


def test_the_command_names_what_is_missing(tmp_path: Path, tiny_model: str) -> None:
    from lens_core.worker_cli import worker

    done = CliRunner().invoke(worker, ["--dir", str(tmp_path / "no"), "--model", tiny_model])
    assert isinstance(done.exception, LensError)
    assert "there is no such folder" in str(done.exception)
