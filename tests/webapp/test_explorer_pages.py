"""Explorer pages as a server gives them: what they say, that they are sound, and the ways out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from lens_core.atlas import Atlas, LensError
from tests.support.atlases import make_atlas
from tests.support.html import Page
from webapp.explorer import Library, create_explorer_app

HOME = "/atlas/synthetic/"
PAGES = [
    "",
    "classes",
    "classes?q=bee",
    "method",
    "bias",
    "class/0",
    "class/0/concepts/image/3",
    "class/2/units",
    "class/0/concepts",
]


@pytest.fixture(scope="module")
def app(synthetic_atlas: Atlas) -> Flask:
    return create_explorer_app([synthetic_atlas.root])


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def page(client: FlaskClient, path: str) -> Page:
    answer = client.get(HOME + path)
    assert answer.status_code == 200
    return Page(answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_sound(client: FlaskClient, path: str) -> None:
    found = page(client, path)
    assert found.faults == []
    anchors = {address[1:] for address in found.addresses if address.startswith("#")}
    assert anchors <= found.ids


@pytest.mark.parametrize("path", PAGES)
def test_every_address_on_a_page_answers(client: FlaskClient, path: str) -> None:
    here = HOME + path
    for address in set(page(client, path).addresses):
        parts = urlsplit(urljoin(here, address))
        assert parts.netloc == "", f"{address} leaves the site"
        if parts.path.startswith("/static/dist/"):
            continue  # made when the package is built
        target = f"{parts.path}?{parts.query}"
        assert client.get(target).status_code in (200, 302), f"{address} on {here}"


def test_one_atlas_is_the_front_page(client: FlaskClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, HOME)


def test_several_atlases_are_listed_and_told_apart(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    second = make_atlas(tmp_path / "Second_Atlas", n_classes=2, n_images=12, seed=1)
    client = create_explorer_app([synthetic_atlas.root, second.root]).test_client()
    addresses = Page(client.get("/").text).addresses
    assert HOME in addresses
    assert "/atlas/second-atlas/" in addresses
    assert "2\u00a0classes" in client.get("/atlas/second-atlas/").text


def test_home_shows_four_concepts_of_one_class(client: FlaskClient) -> None:
    found = page(client, "")
    assert len(found.of_class("card")) == 4
    assert len(found.of_class("tile")) == 3


def test_home_says_who_made_the_atlas_and_how_to_cite_it(
    client: FlaskClient, tmp_path: Path
) -> None:
    assert "Contributor" not in page(client, "").words()
    atlas = make_atlas(tmp_path / "named", n_classes=1, n_images=12)
    manifest = atlas.root / "atlas.json"
    told = json.loads(manifest.read_text()) | {"contributors": ["Ada L", "Mary S"]}
    manifest.write_text(json.dumps(told))
    named = create_explorer_app([atlas.root]).test_client()
    words = Page(named.get("/atlas/named/").text).words()
    assert "Contributors" in words
    assert "Ada L, Mary S" in words
    version = atlas.hash.rpartition(":")[2][:10]
    citation = "Ada L, Mary S. Synthetic insects: concepts of synthetic, layer features."
    assert f"{citation} Concept atlas {version}, made with LENS Lab." in words
    assert atlas.hash in words


def test_class_page_shows_what_the_atlas_holds(client: FlaskClient, synthetic_atlas: Atlas) -> None:
    ant = synthetic_atlas.load_class(0)
    found = page(client, "class/0")
    concepts = ant.info.of_dictionary("concepts")
    cards = found.of_class("card")
    assert [card["data-concept"] for card in cards] == [concept.id for concept in concepts]
    assert f"{100 * concepts[0].importance:.1f} %" in found.words()
    n_important = sum(concept.important for concept in concepts)
    assert f"{n_important} important concept" in found.words()
    dots = [v for tag, v in found.elements if tag == "circle" and "r" not in v]
    assert len(dots) == len(ant.images)
    assert len(found.of_class("panel")) == len(concepts)
    assert len(found.of_class("crop")) == sum(len(concept.crops) for concept in concepts)
    assert "residual, 8.0 %" in found.words()


def test_a_dot_has_the_colour_of_its_most_important_concept(
    client: FlaskClient, synthetic_atlas: Atlas
) -> None:
    ant = synthetic_atlas.load_class(0)
    top = ant.array("concepts/contributions").argmax(axis=1)
    color = {concept.index: concept.color for concept in ant.info.of_dictionary("concepts")}
    expected = ["c-none" if color[int(t)] is None else f"c{color[int(t)]}" for t in top]
    elements = page(client, "class/0").elements
    dots = [v for tag, v in elements if tag == "circle" and "r" not in v]
    assert [dot["class"] for dot in dots] == expected


def test_shares_of_the_bar_fill_its_width(client: FlaskClient) -> None:
    pieces = page(client, "class/0").of_class("share-piece")
    assert sum(float(piece["width"].rstrip("%")) for piece in pieces) == pytest.approx(100, abs=0.1)


def test_the_page_brings_a_value_an_image(client: FlaskClient, synthetic_atlas: Atlas) -> None:
    html = client.get(HOME + "class/1").text
    block = html.partition('id="page-data">')[2].partition("</script>")[0]
    data = json.loads(block)
    bee = synthetic_atlas.load_class(1)
    for column in ("top", "share", "probability", "split"):
        assert len(data[column]) == len(bee.images)
    assert data["picture"] is None, "numbered names are not spelled out"
    place = int(np.argmax(data["share"]))
    assert data["share"][place] == pytest.approx(
        bee.array("concepts/contributions")[place].max(), abs=0.006
    )


def test_units_are_a_switch_away(client: FlaskClient) -> None:
    found = page(client, "class/0/units")
    assert "Unit 0" in found.words()
    current = [v for v in found.having("aria-current") if v["aria-current"] == "true"]
    assert len(current) == 1


def test_only_concepts_have_a_proximity_map(client: FlaskClient) -> None:
    assert len(page(client, "class/0").of_class("node")) == 4
    assert page(client, "class/0/units").of_class("node") == []


@pytest.mark.parametrize("query", ["bee", "BEE", "bees", "1"])
def test_search_without_script(client: FlaskClient, query: str) -> None:
    links = [tile["href"] for tile in page(client, f"classes?q={query}").of_class("tile")]
    assert links == ["class/1"]


def test_a_search_that_finds_nothing_offers_a_way_out(client: FlaskClient) -> None:
    found = page(client, "classes?q=%3Cscript%3Ezeppelin")
    assert found.of_class("tile") == []
    assert "classes" in found.addresses


def test_search_index(client: FlaskClient) -> None:
    index = client.get(HOME + "search.json").json
    assert index is not None
    assert index["classes"][0] == {"id": 0, "name": "Ant", "also": ["ants"]}


def test_random_class_is_never_kept(client: FlaskClient) -> None:
    answer = client.get(HOME + "random")
    assert answer.status_code == 302
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/nowhere",
        "/atlas/unknown/",
        HOME + "class/99",
        HOME + "class/0/nothing",
        HOME + "bias.nothing.csv",
        HOME + "class/0/concepts.nothing.csv",
        HOME + "class/99/concepts.maps.bin",
        HOME + "files/atlas.json",
        HOME + "files/classes/00000/class.json",
        HOME + "files/classes/../../atlas.json",
        HOME + "files/classes/00000/images/9999.webp",
    ],
)
def test_what_is_not_there_says_so_with_a_way_out(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    found = Page(answer.text)
    assert found.faults == []
    assert HOME in found.addresses


def test_tables_are_csv(client: FlaskClient) -> None:
    answer = client.get(HOME + "class/0/concepts.concepts.csv")
    lines = answer.text.splitlines()
    assert lines[0].startswith("part,id,importance")
    assert [line.split(",")[0] for line in lines[1:]] == ["concept"] * 4 + ["residual", "bias"]
    total = sum(float(line.split(",")[2]) for line in lines[1:])
    assert total == pytest.approx(1, abs=1e-4)
    assert "attachment" in answer.headers["Content-Disposition"]


def test_pictures_are_kept_for_ever_under_their_version(
    client: FlaskClient, synthetic_atlas: Atlas
) -> None:
    address = HOME + "files/classes/00000/images/0000.webp"
    version = synthetic_atlas.hash.partition(":")[2][:10]
    assert "immutable" in client.get(f"{address}?v={version}").headers["Cache-Control"]
    assert client.get(address).headers["Cache-Control"] == "no-cache"


def test_a_page_seen_before_is_not_sent_again(client: FlaskClient) -> None:
    etag = client.get(HOME + "class/0").headers["ETag"]
    assert client.get(HOME + "class/0", headers={"If-None-Match": etag}).status_code == 304


def test_names_are_text_not_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = '<b onclick="x">"&\''
    monkeypatch.setattr("tests.support.atlases.NAMES", (hostile, "bee", "cricket"))
    atlas = make_atlas(tmp_path / "hostile", n_classes=2, n_images=12)
    client = create_explorer_app([atlas.root]).test_client()
    for path in PAGES[:-2]:
        answer = client.get(f"/atlas/hostile/{path}")
        assert Page(answer.text).faults == []
        assert "<b onclick" not in answer.text


def test_an_atlas_without_pictures_still_has_pages(tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "bare", n_classes=2, n_images=12)
    (atlas.root / "similar.parquet").unlink()
    for file in atlas.root.glob("classes/*/class.json"):
        info = json.loads(file.read_text())
        info["fits"] = []
        for concept in info["concepts"]:
            concept |= {"visualization": None, "crops": [], "crop_rows": [], "alignment": []}
        file.write_text(json.dumps(info))
    client = create_explorer_app([atlas.root]).test_client()
    for path in ("", "method", "class/0"):
        answer = client.get(f"/atlas/bare/{path}")
        assert answer.status_code == 200
        assert Page(answer.text).faults == []


def test_a_folder_that_is_no_atlas_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LensError, match="no atlas at"):
        create_explorer_app([tmp_path])


def test_the_shelf_shows_what_is_put_there_later(tmp_path: Path) -> None:
    library = Library(shelf=tmp_path)
    (tmp_path / "unfinished").mkdir()
    assert library.books() == {}
    make_atlas(tmp_path / "late", n_classes=2, n_images=12)
    first = library.books()["late"]
    assert library.books()["late"] is first


def test_no_atlas_yet_says_how_to_build_one() -> None:
    answer = create_explorer_app([]).test_client().get("/")
    assert answer.status_code == 200
    assert "lens atlas build" in answer.text
    assert Page(answer.text).faults == []


def test_the_explorer_runs_without_torch_and_without_a_database(synthetic_atlas: Atlas) -> None:
    program = f"""
import sys
for name in ("torch", "torchvision", "sqlalchemy", "matplotlib", "sklearn"):
    sys.modules[name] = None
from webapp.explorer import create_explorer_app
client = create_explorer_app([{str(synthetic_atlas.root)!r}]).test_client()
assert client.get("/atlas/synthetic/class/0").status_code == 200
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_atlas_behind_a_url_is_served_from_a_cache(
    synthetic_atlas: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENS_CACHE", str(tmp_path / "cache"))
    make_atlas("memory://explorer/served")
    client = create_explorer_app(["memory://explorer/served"]).test_client()
    assert client.get("/atlas/served/class/0").status_code == 200
    picture = "classes/00000/images/0000.webp"
    for _ in range(2):
        answer = client.get(f"/atlas/served/files/{picture}")
        assert answer.data == synthetic_atlas.path(picture).read_bytes()
    assert [p.name for p in (tmp_path / "cache").rglob("*.webp")] == ["0000.webp"]
    for wrong in ("classes/00000/images/9999.webp", "classes/../../x.webp", "atlas.json"):
        assert client.get(f"/atlas/served/files/{wrong}").status_code == 404
