"""The explorer of an atlas whose classes share one dictionary: its pages, served and as files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
from flask.testing import FlaskClient

from lens_core.atlas import Atlas, verify_atlas
from tests.support.html import Page
from tests.support.shared_atlases import make_shared_atlas
from tests.support.sites import expected_pages, faults_of, pages_of
from webapp.explorer import create_explorer_app, render
from webapp.explorer.samples import usual
from webapp.explorer.site import write_site

PAGES = [
    "",
    "classes",
    "method",
    "bias",
    "class/0",
    "class/2",
    "concept/concepts-0",
    "concept/concepts-1",
]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return make_shared_atlas(tmp_path_factory.mktemp("atlas") / "shared")


@pytest.fixture(scope="module")
def client(atlas: Atlas) -> FlaskClient:
    return create_explorer_app([atlas.root]).test_client()


def page(client: FlaskClient, path: str) -> Page:
    answer = client.get(f"/atlas/shared/{path}")
    assert answer.status_code == 200
    return Page(answer.text)


def test_the_synthetic_atlas_is_sound(atlas: Atlas) -> None:
    assert verify_atlas(atlas) == []


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_sound_and_every_address_on_them_answers(client: FlaskClient, path: str) -> None:
    found = page(client, path)
    assert found.faults == []
    pictures = [e["data-picture"] for e in found.having("data-picture")]
    maps = [e["data-strong"] for e in found.having("data-strong")]
    for address in {*found.addresses, *pictures, *maps}:
        parts = urlsplit(urljoin(f"/atlas/shared/{path}", address))
        if not parts.path.startswith("/static/dist/"):
            code = client.get(f"{parts.path}?{parts.query}").status_code
            assert code in (200, 302), f"{address} on {path}"


def test_home_maps_every_living_concept_and_every_class(client: FlaskClient, atlas: Atlas) -> None:
    links = [e["href"] for e in page(client, "").having("data-name")]
    living = [f"concept/{c.id}" for c in atlas.shared("concepts").info.concepts]
    assert sorted(links) == sorted([*living, "class/0", "class/1", "class/2"])
    assert "<dt>Concepts</dt><dd>5</dd>" in client.get("/atlas/shared/").text


def test_a_concept_page_says_how_often_and_where(client: FlaskClient, atlas: Atlas) -> None:
    concept = atlas.shared("concepts").info.concepts[1]
    text = " ".join(page(client, f"concept/{concept.id}").text.split())
    assert f"{100 * concept.firing_rate:.1f} % of all crops have it" in text
    assert "1 of the 6 concepts never occur" in text
    for share in concept.classes:
        assert f"{100 * share.importance:.1f} %" in text


def test_a_class_names_its_closest_classes_and_where_else_its_concepts_are(
    client: FlaskClient, atlas: Atlas
) -> None:
    found = page(client, "class/0")
    assert "similarity 0.80" in found.text
    assert "../concept/concepts-0" in found.addresses
    assert "Similar in other classes" not in found.text
    # Row 1 is shown by the classes 0 and 1 both, row 0 by the first alone.
    assert "../class/1#concepts-1" in found.addresses
    assert "All others" in found.text
    rows = client.get("/atlas/shared/class/0/concepts.concepts.csv").text.splitlines()
    parts = {row.split(",")[0]: float(row.split(",")[2]) for row in rows if "part" not in row}
    assert parts["others"] == 0.03


def test_maps_of_strongest_images_have_a_scale_each(client: FlaskClient, atlas: Atlas) -> None:
    data = client.get("/atlas/shared/concept/concepts-1.maps.bin").data
    header = np.frombuffer(data[:8], "<u2")
    levels = np.frombuffer(data[8:], np.uint8).reshape(header)
    stored = atlas.shared("concepts").array("maps")[1].astype(float)
    assert tuple(header) == (2, 1, 4, 4)
    assert (levels.max(axis=(1, 2, 3)) == 255).all()
    assert (levels[:, 0].reshape(2, -1).argmax(1) == stored[:2].reshape(2, -1).argmax(1)).all()


def test_a_concept_leads_to_what_is_like_it_whether_or_not_a_class_shows_it(
    client: FlaskClient, atlas: Atlas
) -> None:
    for concept in atlas.shared("concepts").info.concepts:
        assert f"../like/all/{concept.id}" in page(client, f"concept/{concept.id}").addresses
        found = page(client, f"like/all/{concept.id}")
        assert found.faults == []
        assert f"{100 * concept.firing_rate:.1f} % of all crops have" in found.words()
        likes = [a["href"] for a in found.of_class("near-link")]
        assert len(likes) == 4, "all living ones but itself"
        assert len(client.get(f"/atlas/shared/like/all/{concept.id}.csv").text.splitlines()) == 5
    for path in ("like/all/concepts-5", "like/all/nothing-1", "like/all/concepts-5.csv"):
        assert client.get(f"/atlas/shared/{path}").status_code == 404


def test_a_class_shows_an_image_for_each_reason(client: FlaskClient, atlas: Atlas) -> None:
    loaded = atlas.load_class(1)
    top = loaded.images["top_concept"].to_numpy()
    shares = np.asarray(loaded.array("concepts/contributions"), dtype=float)
    numbers = usual(shares, top, 5)
    assert len(set(numbers)) == 5
    first = top[numbers[0]]
    assert (top == first).sum() == np.bincount(top[top >= 0]).max(), "the most frequent reason"
    mean = shares[top == first].mean(axis=0)
    away = np.linalg.norm(shares - mean, axis=1)
    assert away[numbers[0]] == away[top == first].min()
    canvases = [c for c in page(client, "class/1").having("data-image") if "data-row" in c]
    assert [int(c["data-image"]) for c in canvases] == numbers
    assert [int(c["data-row"]) for c in canvases] == [int(top[i]) for i in numbers]


@pytest.mark.parametrize("concept", ["concepts-5", "concepts-77", "nothing-1", "concepts"])
def test_what_never_occurs_has_no_page(client: FlaskClient, concept: str) -> None:
    for path in (f"concept/{concept}", f"concept/{concept}.maps.bin"):
        assert client.get(f"/atlas/shared/{path}").status_code == 404


def test_as_files_every_page_is_there_and_every_link_leads_somewhere(
    atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in render.ASSETS:
        (tmp_path / "assets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "assets" / name).write_text("")
    monkeypatch.setattr(render, "STATIC", tmp_path / "assets")
    site = tmp_path / "site"
    report = write_site(atlas, site)
    assert pages_of(site) == expected_pages(atlas)
    assert report.pages == len(pages_of(site))
    assert faults_of(site) == []
    living = [concept.id for concept in atlas.shared("concepts").info.concepts]
    assert sorted(file.stem for file in site.glob("like/all/*.json")) == sorted(living)
