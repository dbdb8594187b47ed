"""Everything like one concept: exact over all that is stored, on a server and in files."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest
from flask.testing import FlaskClient

from lens_core.atlas import Atlas
from tests.support.directed import make_directed
from tests.support.html import Page
from tests.support.shared_atlases import make_shared_atlas
from webapp.explorer import create_explorer_app, directions
from webapp.explorer.book import AtlasBook
from webapp.explorer.directions import Directions
from webapp.explorer.like_page import like_data, like_page
from webapp.explorer.links import Links

ROWS = np.random.default_rng(3).normal(size=(3, 5, 12))


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("like") / "insects"
    return make_directed(folder, dict(enumerate(ROWS)), n_images=12, units=False)


@pytest.fixture(scope="module")
def client(atlas: Atlas) -> FlaskClient:
    return create_explorer_app([atlas.root]).test_client()


def _cosines(class_id: int, row: int) -> dict[tuple[int, str], float]:
    unit = ROWS / np.linalg.norm(ROWS, axis=2, keepdims=True)
    found = unit @ unit[class_id, row]
    return {
        (i, f"concepts-{k}"): float(found[i, k])
        for i in range(3)
        for k in range(5)
        if (i, k) != (class_id, row)
    }


def test_the_closest_are_found_whatever_the_block(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _cosines(1, 2)
    for block in (2048, 4, 1):
        monkeypatch.setattr(directions, "_BLOCK", block)
        stored = Directions(AtlasBook(atlas, "insects"), "features")
        near = stored.nearest_of([(1, "concepts-2")], 99)[0]
        found = {(one.named.class_id, one.named.concept_id): one.cosine for one in near}
        assert found == pytest.approx(expected, abs=2e-3), "stored as half-precision numbers"
        assert [one.cosine for one in near] == sorted(found.values(), reverse=True)


def test_units_of_all_classes_are_one_unit(synthetic_atlas: Atlas) -> None:
    book = AtlasBook(synthetic_atlas, "synthetic")
    stored = Directions(book, "features")
    units = [named for named in stored.names if named.dictionary == "units"]
    assert len(units) == 4
    for named in units:
        most = max(
            synthetic_atlas.classes,
            key=lambda entry: book.info(entry.id).concept(named.concept_id).importance,
        )
        assert named.class_id == most.id
    assert stored.nearest_of([(0, "units-1")], 3) == stored.nearest_of([(2, "units-1")], 3)


def test_a_shared_concept_is_found_once(tmp_path: Path) -> None:
    atlas = make_shared_atlas(tmp_path / "shared")
    page = like_page(AtlasBook(atlas, "shared"), 0, "concepts-1", Links())
    assert page.n_compared == 5
    assert {near.where for near in page.near} == {"of all classes"}
    assert len({near.name for near in page.near}) == 4


def test_page_and_table(client: FlaskClient) -> None:
    page = Page(client.get("/atlas/insects/like/1/concepts-2").text)
    assert page.faults == []
    best = max(_cosines(1, 2).items(), key=lambda item: item[1])
    first = page.of_class("near-link")[0]["href"]
    assert (
        urljoin("/atlas/insects/like/1/", first)
        == f"/atlas/insects/class/{best[0][0]}#{best[0][1]}"
    )
    lines = client.get("/atlas/insects/like/1/concepts-2.csv").text.splitlines()
    assert len(lines) == 1 + 14
    for path in ("like/1/nothing", "like/9/concepts-0"):
        assert client.get(f"/atlas/insects/{path}").status_code == 404


def test_the_panel_of_a_concept_leads_there(client: FlaskClient) -> None:
    page = Page(client.get("/atlas/insects/class/1").text)
    assert "../like/1/concepts-2" in page.addresses
    assert "../compare?a=1" in page.addresses


def test_a_site_of_files_carries_the_same_answers(atlas: Atlas) -> None:
    book = AtlasBook(atlas, "insects")
    at = Links(here="like", suffix=".html")
    found = dict(like_data(book, at))
    assert set(found) == {0, 1, 2}
    record = next(c for c in json.loads(found[1])["concepts"] if c["id"] == "concepts-2")
    served = like_page(book, 1, "concepts-2", Links(here="like/1/concepts-2"))
    assert [near["text"] for near in record["near"]] == [near.text for near in served.near[:12]]
    assert all(near["like"].startswith("like.html#") for near in record["near"])


def test_without_a_server_s_folder_the_page_says_what_a_picture_needs(client: FlaskClient) -> None:
    page = Page(client.get("/atlas/insects/like").text)
    assert page.faults == []
    assert "This needs a server with a model beside it" in page.words()
    assert client.post("/atlas/insects/like/crop").status_code == 404
    assert client.get("/atlas/insects/like/crop/" + 24 * "0").status_code == 404
