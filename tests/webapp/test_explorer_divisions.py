"""Sub-concepts in the explorer: under the concept that they are part of, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient

from experiments.paradigms.two_afc_build import default_conditions
from lens_core.atlas import Atlas, verify_atlas
from tests.support.atlases import EARLIER, EARLIEST, make_atlas
from tests.support.html import Page
from tests.support.sites import expected_pages, faults_of, pages_of
from webapp.explorer import create_explorer_app, render
from webapp.explorer.site import write_site

HOME = "/atlas/synthetic/"
PARTS = ["concepts-0.0", "concepts-0.1", "concepts-0.2", "concepts-0.1.0", "concepts-0.1.1"]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    root = tmp_path_factory.mktemp("divided") / "synthetic"
    return make_atlas(root, n_classes=2, n_images=12, divided=True)


@pytest.fixture
def client(atlas: Atlas) -> FlaskClient:
    return create_explorer_app([atlas.root]).test_client()


def test_the_synthetic_atlas_is_whole(atlas: Atlas) -> None:
    assert verify_atlas(atlas) == []
    assert [d.depth for d in atlas.dictionaries] == [0, 0, 1, 2]


def test_parts_stand_in_the_panel_of_their_concept(client: FlaskClient) -> None:
    text = client.get(f"{HOME}class/0").text
    page = Page(text)
    assert page.faults == []
    assert set(PARTS) <= page.ids
    start, end = (text.index(f'data-panel="concepts-{i}"') for i in (0, 1))
    if end < start:
        end = len(text)
    places = [text.index(f'id="{name}"') for name in PARTS]
    assert all(start < place < end for place in places)
    # The largest share first, and a part's own parts within it.
    assert places[0] < places[1] < places[3] < places[4] < places[2]


def test_shares_and_the_rest_are_told(client: FlaskClient) -> None:
    text = client.get(f"{HOME}class/0").text
    for share in ("50", "30", "\u22125", "70", "20"):
        assert f"<b>{share}\u00a0%</b> of it" in text
    assert "The rest, 25\u00a0%," in text
    assert "Take it apart at layer earliest" in text
    assert text.count("Too few crops have it to take it apart.") == 3, "the other concepts"


def test_parts_have_no_page_and_no_tab_of_their_own(client: FlaskClient) -> None:
    page = client.get(f"{HOME}class/0")
    assert "Units" in page.text
    for name in (EARLIER, EARLIEST):
        assert not any(a.endswith(f"class/0/{name}") for a in Page(page.text).addresses)
        answer = client.get(f"{HOME}class/0/{name}")
        assert answer.status_code == 302
        assert urljoin(f"{HOME}class/0/{name}", answer.headers["Location"]) == f"{HOME}class/0"
    assert client.get(f"{HOME}class/0/concepts~nowhere").status_code == 404


def test_every_address_on_the_page_answers(client: FlaskClient, atlas: Atlas) -> None:
    text = client.get(f"{HOME}class/0").text
    addresses = set(Page(text).addresses)
    addresses |= {part.partition('"')[0] for part in text.split('data-maps="')[1:]}
    assert sum(f"{name}.maps.bin" in a for a in addresses for name in (EARLIER, EARLIEST)) == 2
    for address in addresses:
        parts = urlsplit(urljoin(f"{HOME}class/0", address))
        if not parts.path.startswith("/static/dist/"):
            assert client.get(f"{parts.path}?{parts.query}").status_code in (200, 302), address


def test_the_table_of_parts_names_their_parents(client: FlaskClient) -> None:
    lines = client.get(f"{HOME}class/0/{EARLIER}.concepts.csv").text.splitlines()
    assert lines[0].endswith("parent,share_of_parent")
    assert lines[1].endswith("concepts-0,0.5")
    whole = client.get(f"{HOME}class/0/concepts.concepts.csv").text
    assert "parent" not in whole.splitlines()[0]


def test_the_static_site_holds_their_maps_but_no_pages(
    atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in render.ASSETS:  # stand-ins, so that the test needs no built bundle
        (tmp_path / "assets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "assets" / name).write_text("")
    monkeypatch.setattr(render, "STATIC", tmp_path / "assets")
    report = write_site(atlas, tmp_path / "site")
    assert pages_of(tmp_path / "site") == expected_pages(atlas)
    assert report.pages == len(pages_of(tmp_path / "site"))
    assert faults_of(tmp_path / "site") == []
    folder = tmp_path / "site" / "class" / "0"
    assert (folder / f"{EARLIEST}.maps.bin").is_file()
    assert not (folder / f"{EARLIER}.html").exists()


def test_studies_ask_about_parts_only_where_told(atlas: Atlas) -> None:
    asked = [name for one in default_conditions([atlas]) for name in one.dictionaries]
    assert asked == ["concepts", "units"]
