"""The explorer as files: complete, relocatable, and careful about what it replaces."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from lens_core.atlas import Atlas, LensError
from tests.support.atlases import make_atlas
from tests.support.sites import expected_pages, faults_of, pages_of
from webapp.explorer import render
from webapp.explorer.site import write_site

T = TypeVar("T")


@pytest.fixture(scope="module", autouse=True)
def assets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stand-ins, so that the tests need no built bundle."""
    folder = tmp_path_factory.mktemp("assets")
    for name in render.ASSETS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"/* {name} */")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "STATIC", folder)
        yield


@pytest.fixture(scope="module")
def written(assets: None, synthetic_atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site, for copies."""
    out = tmp_path_factory.mktemp("written") / "site"
    write_site(synthetic_atlas, out)
    return out


@pytest.fixture
def site(written: Path, tmp_path: Path) -> Path:
    """A site of one's own."""
    shutil.copytree(written, tmp_path / "site")
    return tmp_path / "site"


def test_every_page_is_there_and_every_link_leads_somewhere(
    site: Path, synthetic_atlas: Atlas
) -> None:
    assert pages_of(site) == expected_pages(synthetic_atlas)
    assert faults_of(site) == []


def test_a_missing_page_and_a_dead_link_are_noticed(site: Path, synthetic_atlas: Atlas) -> None:
    """The test above can fail: each kind of harm is seen where it is."""
    (site / "class/1/units.html").unlink()
    (site / "like/2.json").unlink()
    home = site / "index.html"
    text = home.read_text()
    assert 'href="method.html"' in text
    home.write_text(
        text.replace('href="method.html"', 'href="methods.html"').replace("#concepts-", "#c-")
    )
    assert expected_pages(synthetic_atlas) - pages_of(site) == {"class/1/units.html"}
    seen = set(faults_of(site))
    assert "index.html: methods.html leads nowhere" in seen
    assert "class/1.html: ../class/1/units.html leads nowhere" in seen
    assert "class/2.html: ../like.html#2/concepts-0 leads nowhere" in seen
    assert any(one.startswith("index.html: class/") and "names no part" in one for one in seen)


def test_all_pictures_are_there(site: Path, synthetic_atlas: Atlas) -> None:
    there = {p.relative_to(synthetic_atlas.root) for p in synthetic_atlas.root.rglob("*.webp")}
    here = {p.relative_to(site / "files") for p in site.rglob("*.webp")}
    assert here == there


def test_writing_again_gives_the_same_bytes(site: Path, synthetic_atlas: Atlas) -> None:
    before = {p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()}
    write_site(synthetic_atlas, site)
    after = {p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()}
    assert after == before


def test_the_site_says_which_atlas_it_shows(site: Path, synthetic_atlas: Atlas) -> None:
    assert json.loads((site / ".lens-site.json").read_text()) == {"atlas": synthetic_atlas.hash}


def test_a_foreign_folder_is_left_alone(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(LensError, match="not empty"):
        write_site(synthetic_atlas, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    write_site(synthetic_atlas, tmp_path, force=True)
    assert (tmp_path / "index.html").is_file()


def test_the_atlas_itself_is_never_replaced(synthetic_atlas: Atlas) -> None:
    for target in (synthetic_atlas.root, synthetic_atlas.root.parent):
        with pytest.raises(LensError, match="holds the atlas"):
            write_site(synthetic_atlas, target, force=True)


def test_a_failure_leaves_the_earlier_site(
    site: Path, synthetic_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (site / "index.html").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(LensError, match="No space left"):
        write_site(synthetic_atlas, site)
    assert (site / "index.html").read_bytes() == before
    assert [p.name for p in site.parent.iterdir()] == ["site"]


def test_an_interrupted_export_goes_on_where_it_was(
    site: Path, synthetic_atlas: Atlas, tmp_path: Path
) -> None:
    def interrupted(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
        for number, item in enumerate(items):
            if number == 2:
                raise KeyboardInterrupt
            yield item

    left: list[int | None] = []

    def counted(items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        left.append(total)
        return items

    target = tmp_path / "other" / "again"
    with pytest.raises(KeyboardInterrupt):
        write_site(synthetic_atlas, target, track=interrupted)
    assert not target.exists(), "nobody sees half a site"
    report = write_site(synthetic_atlas, target, processes=2, track=counted)
    assert left == [3], "three of six pieces were there"
    here = {p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()}
    there = {p.relative_to(target): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    assert there == here
    assert report.bytes + (site / ".lens-site.json").stat().st_size == sum(map(len, here.values()))
    assert [path.name for path in target.parent.iterdir()] == ["again"]


def test_what_was_begun_of_another_atlas_is_not_gone_on_with(
    synthetic_atlas: Atlas, tmp_path: Path
) -> None:
    stale = tmp_path / ".site.partial"
    (stale / ".done").mkdir(parents=True)
    (stale / ".begun.json").write_text('{"atlas": "sha256:0"}')
    (stale / ".done" / "front-").write_text('{"pages": 1, "files": 1, "bytes": 1}')
    write_site(synthetic_atlas, tmp_path / "site")
    assert (tmp_path / "site" / "index.html").is_file()
    assert not stale.exists()


def test_an_atlas_behind_a_url_gives_the_same_site(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENS_CACHE", str(tmp_path / "cache"))
    write_site(make_atlas("memory://explorer/synthetic"), tmp_path / "remote")
    here = {p.relative_to(site): p.read_bytes() for p in site.rglob("*") if p.is_file()}
    there = tmp_path / "remote"
    assert {p.relative_to(there): p.read_bytes() for p in there.rglob("*") if p.is_file()} == here
    assert not (tmp_path / "cache").exists(), "pictures are copied without being kept twice"
