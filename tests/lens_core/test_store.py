"""An atlas behind a URL is the same atlas: as whole, as resumable, as clear about faults."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations

from lens_core.atlas import Atlas, AtlasDamaged, AtlasWriter, LensError, verify_atlas
from lens_core.atlas.arrays import ArrayFile
from lens_core.atlas.errors import PlaceError
from lens_core.atlas.remote_store import RemoteStore
from lens_core.atlas.store import FolderStore, Store, open_store
from tests.support.atlases import make_atlas

SMALL = {"n_classes": 2, "n_images": 12}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LENS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=["folder", "file", "local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder, the same as a URL, files through fsspec, and an object store."""
    return {
        "folder": str(tmp_path / "atlas"),
        "file": f"file://{tmp_path}/atlas",
        "local": f"local://{tmp_path}/atlas",
        "memory": f"memory://{uuid.uuid4().hex}/atlas",
    }[request.param]


@pytest.fixture
def remote() -> str:
    return f"memory://{uuid.uuid4().hex}/atlas"


def like(place: str, atlas: Atlas, **options: Any) -> AtlasWriter:
    manifest = atlas.manifest
    return AtlasWriter(
        place,
        title=manifest.title,
        model=manifest.model,
        settings=manifest.settings,
        dictionaries=manifest.dictionaries,
        **options,
    )


def test_every_place_holds_the_same_atlas(place: str, tmp_path: Path) -> None:
    plain = make_atlas(tmp_path / "plain", **SMALL)
    atlas = make_atlas(place, **SMALL)
    assert atlas.hash == plain.hash
    assert verify_atlas(atlas) == []
    assert list(open_store(place).files()) == list(plain.store.files())
    here, there = plain.load_class(1), atlas.load_class(1)
    assert here.info == there.info
    assert here.images.equals(there.images)
    assert here.array_names() == there.array_names()
    for name in here.array_names():
        assert np.array_equal(here.array(name), there.array(name), equal_nan=True)
    picture = here.info.concepts[0].crops[0]
    assert there.path(picture).read_bytes() == here.path(picture).read_bytes()
    assert atlas.similar.equals(plain.similar)


def test_arrays_are_what_safetensors_reads(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    one = make_atlas(tmp_path / "atlas", **SMALL).load_class(0)
    arrays = load_file(one.path("arrays.safetensors"))
    assert set(arrays) == set(one.array_names())
    for name, array in arrays.items():
        found = one.array(name)
        assert found.dtype == array.dtype
        assert np.array_equal(found, array, equal_nan=True)
    with pytest.raises(KeyError):
        one.array("concepts/nothing")


def test_one_array_is_read_without_the_others(remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lens_core.atlas.arrays._FIRST_READ", 64)
    one = make_atlas(remote, **SMALL).load_class(0)
    file = open_store(remote).read(f"{one.folder}/arrays.safetensors")
    read: list[int] = []
    read_part = RemoteStore.read_part

    def counted(self: RemoteStore, name: str, start: int, stop: int) -> bytes:
        data = read_part(self, name, start, stop)
        read.append(len(data))
        return data

    monkeypatch.setattr(RemoteStore, "read_part", counted)
    rows = one.array("concepts/dictionary")
    assert sum(read) == 8 + int.from_bytes(file[:8], "little") + rows.nbytes < len(file)


@pytest.mark.parametrize(
    "damage", [b"", b"\xff" * 16, b"\x02\0\0\0\0\0\0\0[]", b"\x05\0\0\0\0\0\0\0{"]
)
def test_garbage_for_arrays_is_named(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "arrays.safetensors").write_bytes(damage)
    with pytest.raises(AtlasDamaged, match=r"arrays\.safetensors cannot be read"):
        ArrayFile(FolderStore(tmp_path), "arrays.safetensors")
    with pytest.raises(AtlasDamaged, match="is missing"):
        ArrayFile(FolderStore(tmp_path), "other.safetensors")


def test_a_cut_file_of_arrays_is_named(tmp_path: Path) -> None:
    one = make_atlas(tmp_path / "atlas", **SMALL).load_class(0)
    file = one.path("arrays.safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(AtlasDamaged, match="cannot be read"):
        [one.array(name) for name in one.array_names()]


def test_damage_is_found(place: str) -> None:
    make_atlas(place, **SMALL)
    store = open_store(place)
    for name in ("classes/00001/images/0002.webp", "similar.parquet"):
        data = bytearray(store.read(name))
        data[len(data) // 2] ^= 1
        store.write(name, bytes(data))
    store.remove("classes/00000/crops.parquet")
    store.write("note.txt", b"hello")
    assert sorted(verify_atlas(Atlas.open(place))) == [
        "classes/00000/crops.parquet: missing",
        "classes/00001/images/0002.webp: changed since it was written",
        "note.txt: not listed in the atlas",
        "similar.parquet: changed since it was written",
    ]


def test_a_class_appears_when_all_of_it_is_there(
    place: str, synthetic_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lens_core.atlas.remote_store._UPLOAD_BYTES", 1)
    make_atlas(place, **SMALL)
    writer = like(place, Atlas.open(place))
    info = writer.load_class(0).info
    with writer.new_class(0) as out:
        out.write_arrays({"concepts/dictionary": np.ones((2, 3), np.float32)})
        if isinstance(writer.store, RemoteStore):
            assert writer.store.exists("classes/00000/arrays.safetensors")
            assert not writer.has_class(0), "what is being replaced must not look whole"
        out.finish(info)
    assert writer.has_class(0)
    assert [n for n in writer.store.files() if n.startswith("classes/00000/")] == [
        "classes/00000/arrays.safetensors",
        "classes/00000/class.json",
    ], "files of the class that was there before are gone"


def test_what_a_dead_process_left_is_replaced(
    place: str, synthetic_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lens_core.atlas.remote_store._UPLOAD_BYTES", 1)
    whole = make_atlas(f"{place}-whole", **SMALL)
    dead = like(place, whole).new_class(0)
    dead.__enter__()  # and never left: the process was killed
    dead.write_arrays({"concepts/dictionary": np.ones((2, 3), np.float32)})
    dead._write("pictures/stray.webp", b"stray")
    with pytest.raises(LensError, match="run the same 'lens atlas build' again"):
        Atlas.open(place)
    assert not like(place, whole).has_class(0)
    assert make_atlas(place, **SMALL).hash == whole.hash
    assert verify_atlas(Atlas.open(place)) == []


def test_an_exception_leaves_nothing(
    place: str, synthetic_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lens_core.atlas.remote_store._UPLOAD_BYTES", 1)
    writer = like(place, synthetic_atlas)
    with pytest.raises(KeyboardInterrupt), writer.new_class(0) as out:
        out.write_arrays({"concepts/dictionary": np.zeros((2, 3), np.float32)})
        raise KeyboardInterrupt
    assert list(writer.store.files()) == [".build.json"]


def test_finished_classes_are_kept_and_half_written_ones_are_not(place: str) -> None:
    atlas = make_atlas(place, **SMALL)
    store = open_store(place)
    store.remove("atlas.json")
    data = store.read("classes/00001/class.json")
    store.write("classes/00001/class.json", data[: len(data) // 2])
    writer = like(place, atlas)
    assert (writer.has_class(0), writer.has_class(1)) == (True, False)
    assert make_atlas(place, **SMALL).hash == atlas.hash


def test_foreign_places_need_force(place: str, synthetic_atlas: Atlas) -> None:
    open_store(place).write("thesis.txt", b"years of work")
    with pytest.raises(LensError, match="holds no atlas"):
        like(place, synthetic_atlas)
    assert open_store(place).read("thesis.txt") == b"years of work"
    like(place, synthetic_atlas, force=True)
    assert list(open_store(place).files()) == [".build.json"]


def test_other_settings_need_force(place: str) -> None:
    make_atlas(place, **SMALL)
    with pytest.raises(LensError, match="other settings"):
        make_atlas(place, **SMALL, seed=5)
    first = Atlas.open(place)
    writer = AtlasWriter(
        place,
        title="another",
        model=first.manifest.model,
        settings={},
        dictionaries=first.dictionaries,
        force=True,
    )
    assert not writer.has_class(0)
    assert list(open_store(place).files()) == [".build.json"]


def test_pictures_are_fetched_once_and_anew_for_a_new_atlas(remote: str, cache: Path) -> None:
    atlas = make_atlas(remote, **SMALL)
    picture = atlas.load_class(0).path("images/0000.webp")
    assert cache in picture.parents
    MemoryFileSystem().pipe_file(f"{remote}/classes/00000/images/0000.webp", b"changed")
    assert atlas.load_class(0).path("images/0000.webp").read_bytes() != b"changed"
    open_store(remote).remove("atlas.json")
    for folder in open_store(remote).children("classes"):
        open_store(remote).remove(folder)
    again = make_atlas(remote, **SMALL, seed=3).load_class(0)
    assert again.path("images/0000.webp") != picture
    assert not again.path("images/none.webp").exists()


def test_a_whole_bucket_is_not_an_atlas(
    synthetic_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lens_core.atlas.remote_store._BUCKETS", {"memory"})
    with pytest.raises(LensError, match="is all of a bucket"):
        like(f"memory://{uuid.uuid4().hex}", synthetic_atlas, force=True)


def test_a_remote_atlas_has_no_folder(remote: str) -> None:
    with pytest.raises(LensError, match="no folder of this machine"):
        _ = make_atlas(remote, **SMALL).root


# ---------------------------------------------------------------- faults


class Forbidden(MemoryFileSystem):
    """A bucket that one may look into, at best."""

    protocol = "forbidden"
    store: ClassVar[dict[str, Any]] = {}

    def pipe_file(self, path: str, value: bytes, **options: Any) -> None:
        raise PermissionError("Access Denied")

    def cat_file(self, path: str, **options: Any) -> bytes:
        if "secret" in path:
            raise RuntimeError("no credentials\nsee the manual")
        return super().cat_file(path, **options)


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.register_implementation("forbidden", Forbidden, clobber=True)


def test_a_bucket_that_cannot_be_written_is_one_line(
    forbidden: None, synthetic_atlas: Atlas
) -> None:
    with pytest.raises(PlaceError, match=r"cannot write forbidden://b/a/.*Access Denied") as caught:
        like("forbidden://b/a", synthetic_atlas)
    assert "\n" not in str(caught.value)


def test_a_bucket_that_cannot_be_read_is_not_taken_for_an_empty_one(
    forbidden: None, synthetic_atlas: Atlas
) -> None:
    with pytest.raises(PlaceError, match=r"cannot read forbidden://secret/a.*see the manual"):
        Atlas.open("forbidden://secret/a")
    with pytest.raises(LensError, match="no atlas at forbidden://b/a"):
        Atlas.open("forbidden://b/a")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nowhere://b/a", "nowhere://b/a: .*pip install no-such-package"),
        ("htp://host/a", "htp://host/a: Protocol not known: htp.*give a folder"),
        ("memory://a*/b", "has a wildcard"),
    ],
)
def test_urls_that_cannot_be_opened_are_one_line(
    url: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {"class": "no_such_package.Files", "err": "pip install no-such-package"}
    monkeypatch.setitem(known_implementations, "nowhere", missing)
    with pytest.raises(LensError, match=message) as caught:
        open_store(url)
    assert "\n" not in str(caught.value)


def test_a_server_that_sends_all_of_a_file(remote: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(remote)
    store.write("file", b"0123456789")
    assert store.read_part("file", 2, 5) == b"234"
    whole = MemoryFileSystem.cat_file

    def ignores_ranges(self: MemoryFileSystem, path: str, **options: Any) -> bytes:
        return bytes(whole(self, path))

    monkeypatch.setattr(MemoryFileSystem, "cat_file", ignores_ranges)
    assert store.read_part("file", 2, 5) == b"234"


def test_paths_stay_folders(tmp_path: Path) -> None:
    for place in (tmp_path / "a", str(tmp_path / "a"), f"file://{tmp_path}/a", "C:\\a"):
        assert isinstance(open_store(place), FolderStore)
    store: Store = open_store(tmp_path)
    assert open_store(store) is store
    assert str(open_store("file:///a%20b")) == "/a b"
