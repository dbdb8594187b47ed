"""Wherever classes are built, the atlas is the same; what befalls one class stays with it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from lens_core import cli
from lens_core.atlas import Atlas, AtlasWriter, LensError, verify_atlas
from lens_core.atlas.errors import PlaceError
from lens_core.build import BuildSettings, build_atlas
from lens_core.building.one_class import Plan
from lens_core.executors import Job, ModelSource
from lens_core.executors.sizing import Machine, Workers, size_workers
from lens_core.factorization import NMF
from lens_core.visualization.spectrum import measure_spectrum
from tests.conftest import absent
from tests.lens_core.conftest import FACTORY
from webapp.cli import Terminal

QUICK = BuildSettings(
    concepts=3, visualizations=False, measures=False, display_px=64, skip_corrupt=True
)
MORTAL = '''

import os
import signal
import sys
from pathlib import Path

VICTIM = Path(__file__).with_name("victim")


class Mortal(Tiny):
    """Is killed while it encodes crops of the class named in a file; "once" or each time."""

    def forward(self, x):
        if VICTIM.exists():
            frame, encoding = sys._getframe(), False
            while frame is not None:
                encoding = encoding or frame.f_code.co_name == "encode_crops"
                if encoding and frame.f_code.co_name == "build_class":
                    name, times = VICTIM.read_text().split()
                    if frame.f_locals["folder"].name == name:
                        if times == "once":
                            VICTIM.unlink()
                        os.kill(os.getpid(), signal.SIGKILL)
                frame = frame.f_back
        return super().forward(x)


def mortal():
    return Mortal()
'''


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    file = tmp_path_factory.mktemp("mortal") / "mortal.py"
    file.write_text(FACTORY + MORTAL, encoding="utf-8")
    return ModelSource(f"{file}:mortal", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def images(tiny_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny images, and one among the blue that is none."""
    root = tmp_path_factory.mktemp("executors") / "images"
    shutil.copytree(tiny_images, root)
    (root / "blue" / "zz.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def expected(source: ModelSource, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    out = tmp_path_factory.mktemp("local") / "atlas"
    build_atlas(source.load(), images, out, QUICK)
    return Atlas.open(out)


# ---------------------------------------------------------------- in this process


def test_a_class_that_fails_does_not_stop_the_others(
    source: ModelSource, images: Path, expected: Atlas, tmp_path: Path
) -> None:
    notes: list[str] = []
    strict = QUICK.model_copy(update={"skip_corrupt": False})
    with pytest.raises(LensError, match=r"^class 'blue': .*zz\.png: cannot be read as a picture"):
        build_atlas(source.load(), images, tmp_path / "a", strict, note=notes.append)
    assert sorted(p.name for p in (tmp_path / "a" / "classes").iterdir()) == ["00000", "00001"]
    assert [note for note in notes if note.startswith("class 'blue': ")]
    assert not (tmp_path / "a" / "atlas.json").exists()
    assert build_atlas(source.load(), images, tmp_path / "a", QUICK).hash == expected.hash


def test_several_failing_classes_are_named(source: ModelSource, tmp_path: Path) -> None:
    for name in ("green", "blue"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "a.png").write_bytes(b"no picture")
    with pytest.raises(LensError, match=r"2 of 2 classes failed \('green', 'blue'\)"):
        build_atlas(source.load(), tmp_path / "images", tmp_path / "a", QUICK)


def test_a_place_that_cannot_be_written_stops_at_once(
    source: ModelSource, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[int] = []

    def full(self: AtlasWriter, class_id: int) -> Any:
        began.append(class_id)
        raise PlaceError("no space left")

    monkeypatch.setattr(AtlasWriter, "new_class", full)
    with pytest.raises(PlaceError):
        build_atlas(source.load(), images, tmp_path / "a", QUICK)
    assert began == [0]


# ---------------------------------------------------------------- what travels


def plan(source: ModelSource, images: Path) -> Plan:
    classifier = source.load()
    pictures = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    nmf = NMF(2)
    nmf.fit(pictures.flatten(1)[:, :12])
    layers = {classifier.layer: classifier, "features.0": classifier.at("features.0")}
    return Plan(layers, (), QUICK, images, measure_spectrum(pictures), {"shared.concepts": nmf})


def writer(place: str | Path, expected: Atlas) -> AtlasWriter:
    manifest = expected.manifest
    return AtlasWriter(
        place,
        title=manifest.title,
        model=manifest.model,
        settings=manifest.settings,
        dictionaries=manifest.dictionaries,
    )


def test_a_plan_arrives_as_it_was_sent(
    source: ModelSource, images: Path, expected: Atlas, tmp_path: Path
) -> None:
    sent = replace(plan(source, images), dictionaries=expected.dictionaries)
    job = Job.of(sent, writer(tmp_path / "a", expected))
    assert job.missing_here() is None
    arrived = job.plan(source.load())
    assert {field.name for field in fields(Plan)} <= {
        "classifiers", "dictionaries", "settings", "root", "spectrum", "shared"
    }, "a Job must carry what was added to the Plan"  # fmt: skip
    assert list(arrived.classifiers) == list(sent.classifiers)
    assert [c.layer for c in arrived.classifiers.values()] == list(sent.classifiers)
    assert arrived.dictionaries == sent.dictionaries
    assert arrived.settings == sent.settings
    assert arrived.root == images.resolve()
    assert arrived.spectrum is not None
    assert sent.spectrum is not None
    assert torch.equal(arrived.spectrum.magnitude, sent.spectrum.magnitude)
    shared = arrived.shared["shared.concepts"]
    assert torch.equal(shared.dictionary, sent.shared["shared.concepts"].dictionary)


def test_a_worker_says_what_it_does_not_see(
    source: ModelSource, images: Path, expected: Atlas, tmp_path: Path
) -> None:
    job = Job.of(plan(source, images), writer(tmp_path / "a", expected))
    nowhere = replace(job, images=str(tmp_path / "absent")).missing_here()
    assert nowhere is not None
    assert "--images" in nowhere
    assert "all workers share" in nowhere
    other = replace(job, place=str(tmp_path / "b")).missing_here()
    assert other is not None
    assert "--out" in other
    assert "s3://" in other
    with pytest.raises(LensError, match="only this process can see it"):
        Job.of(plan(source, images), writer("memory://executors/a", expected))


def test_a_model_is_found_from_another_folder(
    source: ModelSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m.py").write_text("x = 1")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    moved = ModelSource("m.py:make", weights="w.safetensors").anywhere()
    assert moved.spec == f"{tmp_path.resolve()}/m.py:make"
    assert moved.weights == f"{tmp_path.resolve()}/w.safetensors"
    assert ModelSource("folder").anywhere().spec == str((tmp_path / "folder").resolve())
    published = ModelSource("torchvision:resnet50", weights="none")
    assert published.anywhere() == published


# ---------------------------------------------------------------- sizes

DGX, LAPTOP = Machine(cpus=96, gpus=8), Machine(cpus=8)


@pytest.mark.parametrize(
    ("machines", "asked", "workers"),
    [
        ([DGX], {}, Workers(8, 12, 1)),
        ([DGX, DGX], {}, Workers(16, 12, 1)),
        ([DGX, LAPTOP], {}, Workers(8, 12, 1)),
        ([DGX, Machine(16, 4)], {}, Workers(12, 4, 1)),
        ([Machine(2, 4)], {}, Workers(2, 1, 1)),
        ([DGX], {"count": 3}, Workers(3, 12, 1)),
        ([DGX], {"device": "cpu"}, Workers(24, 4, 0)),
        ([DGX], {"device": "cuda:1"}, Workers(8, 12, 1)),
        ([LAPTOP], {}, Workers(2, 4, 0)),
        ([LAPTOP], {"count": 3}, Workers(3, 2, 0)),
        ([LAPTOP], {"cpus": 1}, Workers(8, 1, 0)),
        ([Machine(2), LAPTOP, Machine(0)], {}, Workers(5, 2, 0)),
        ([Machine(3), Machine(3)], {"count": 2}, Workers(2, 3, 0)),
    ],
)
def test_workers_by_what_the_cluster_has(
    machines: list[Machine], asked: dict[str, Any], workers: Workers
) -> None:
    assert size_workers(machines, **asked) == workers


@pytest.mark.parametrize(
    ("machines", "asked", "message"),
    [
        ([LAPTOP], {"count": 9}, "--workers 9: .* 8 CPUs, enough for 8 workers with 1 CPUs each"),
        ([DGX], {"count": 9}, "enough for 8 workers .* and a GPU"),
        ([LAPTOP], {"device": "cuda"}, "--device cuda: the Ray cluster has no GPU"),
        ([], {}, "enough for 0 workers"),
    ],
)
def test_more_than_the_cluster_has(
    machines: list[Machine], asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(LensError, match=message):
        size_workers(machines, **asked)


# ---------------------------------------------------------------- Ray


def lens(source: ModelSource, images: Path, out: Path, *more: object) -> Any:
    arguments = [
        "--images", images, "--model", source.spec, "--out", out, "--device", "cpu",
        "--precision", "float32", "--no-visualizations", "--no-measures", "--concepts", 3,
        "--display-px", 64, *more,
    ]  # fmt: skip
    return CliRunner().invoke(cli.build, [str(a) for a in arguments], obj=Terminal())


def test_without_ray_one_line_says_so(
    source: ModelSource, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = lens(source, images, tmp_path / "a", "--executor", "ray")
    assert str(done.exception).endswith("run pip install 'lens-lab[ray]'")
    done = lens(source, images, tmp_path / "a", "--workers", 2)
    assert "--executor ray" in str(done.exception)
    assert not (tmp_path / "a").exists()


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Ray of this machine with room for two workers that have as many threads as this test."""
    try:
        import ray
    except ImportError:
        absent("Ray is not installed (pip install 'lens-lab[ray]')")
        return
    # Its sockets' names must be short, which pytest's folders are not.
    folder = tempfile.mkdtemp(prefix="lens-ray-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        # Beside busy tests, workers as nice as Ray makes them hardly get any processor.
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(
            num_cpus=2 * torch.get_num_threads(),
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=80 * 2**20,
            _temp_dir=folder,
        )
        yield
        ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_killed_worker_costs_its_class_alone_and_the_atlas_is_the_same(
    cluster: None, source: ModelSource, images: Path, expected: Atlas, tmp_path: Path
) -> None:
    from lens_core.executors.ray import RayExecutor

    victim = Path(source.spec.rpartition(":")[0]).with_name("victim")
    victim.write_text("green once")
    notes: list[str] = []
    executor = RayExecutor(source, workers=2)
    place = f"local://{tmp_path}/atlas"
    manifest = build_atlas(
        source.load(), images, place, QUICK, executor=executor, note=notes.append
    )
    executor.close()
    assert not victim.exists()
    assert [note for note in notes if "its worker died" in note] == [
        "class 'green': its worker died; another one takes it up"
    ]
    assert [note for note in notes if "zz.png" in note], "what workers note is told here"
    assert manifest.hash == expected.hash
    assert verify_atlas(Atlas.open(place)) == []


@pytest.mark.slow
def test_a_class_that_kills_every_worker_is_given_up_and_the_build_goes_on_later(
    cluster: None,
    source: ModelSource,
    images: Path,
    expected: Atlas,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lens_core.executors.ray.MAX_DEATHS", 2)
    victim = Path(source.spec.rpartition(":")[0]).with_name("victim")
    victim.write_text("green always")
    out = tmp_path / "atlas"
    done = lens(source, images, out, "--executor", "ray", "--workers", 2)
    victim.unlink()
    assert isinstance(done.exception, LensError), done.output
    assert "2 of 3 classes failed" in str(done.exception)
    assert "class 'blue': " in done.output
    assert "zz.png: cannot be read" in done.output
    assert "class 'green': 2 workers died of it" in done.output
    assert [p.name for p in (out / "classes").iterdir()] == ["00000"], "nothing half-written"
    kept = (out / "classes" / "00000" / "class.json").stat().st_mtime_ns
    again = lens(source, images, out, "--skip-corrupt")
    assert again.exit_code == 0, again.output
    assert (out / "classes" / "00000" / "class.json").stat().st_mtime_ns == kept
    assert Atlas.open(out).hash == expected.hash
