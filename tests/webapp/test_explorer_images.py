"""The page of one image: a waterfall that ends at the logit, and a page wherever a link leads."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
from flask.testing import FlaskClient

from lens_core.atlas import Atlas
from tests.support.html import Page
from tests.support.shared_atlases import make_shared_atlas
from webapp.explorer import create_explorer_app, image_page
from webapp.explorer.book import AtlasBook
from webapp.explorer.links import Links, image_path

HOME = "/atlas/synthetic/"


@pytest.fixture(scope="module")
def client(synthetic_atlas: Atlas) -> FlaskClient:
    return create_explorer_app([synthetic_atlas.root]).test_client()


def view(atlas: Atlas, dictionary: str, number: int) -> image_page.ImagePage:
    place = Links(here=image_path(1, dictionary, number))
    return image_page.image_page(AtlasBook(atlas, "synthetic"), 1, dictionary, number, place)


@pytest.mark.parametrize("dictionary", ["concepts", "units"])
def test_parts_sum_to_the_logit(synthetic_atlas: Atlas, dictionary: str) -> None:
    images = synthetic_atlas.load_class(1).images
    for number in (0, 7, 23):
        page = view(synthetic_atlas, dictionary, number)
        assert page.logit == pytest.approx(images["logit"].iloc[number])
        assert sum(step.value for step in page.steps) == pytest.approx(page.logit)
        assert [step.label for step in page.steps[-2:]] == ["Residual", "Bias"]
        concepts = [abs(s.value) for s in page.steps if s.row is not None]
        assert concepts == sorted(concepts, reverse=True)
        # Each bar begins where the one above ended, and the last one ends at the logit.
        at = page.zero
        for step in page.steps:
            left, right = step.start, step.start + step.width
            assert min(at, step.after) == pytest.approx(left, abs=0.01)
            assert max(at, step.after) == pytest.approx(right, abs=0.01)
            at = step.after
        assert all(-0.01 <= s.start <= s.start + s.width <= 100.01 for s in page.steps)


def test_the_bias_is_one_number_for_all_images(synthetic_atlas: Atlas) -> None:
    one = synthetic_atlas.load_class(1)
    bias = 0.02 * one.images["logit"].mean()
    for number in (0, 5):
        assert view(synthetic_atlas, "concepts", number).steps[-1].value == pytest.approx(bias)


def test_where_the_bias_is_not_told_apart_the_residual_holds_it(synthetic_atlas: Atlas) -> None:
    one = synthetic_atlas.load_class(1)
    info = synthetic_atlas.dictionary("concepts").model_copy(
        update={"importance": "gradient × value"}
    )
    found = image_page.decision(one, one.info, info)
    assert found.bias is None
    total = found.concepts.sum(1) + found.residual
    assert total == pytest.approx(found.logit)


def test_the_page_says_what_the_model_saw(client: FlaskClient, synthetic_atlas: Atlas) -> None:
    page = Page(client.get(f"{HOME}class/1/concepts/image/4").text)
    assert page.faults == []
    row = synthetic_atlas.load_class(1).images.iloc[4]
    assert f"Bee, {100 * row['probability']:.0f} % sure" in page.words()
    assert str(row["file"]) in page.words()
    assert "kept aside" in page.words()
    shown = page.having("data-row")
    maps = page.having("data-image-maps")[0]
    assert 1 <= len(shown) <= 5
    assert maps["data-image"] == "4"
    for address in [*page.addresses, maps["data-image-maps"]]:
        parts = urlsplit(urljoin(f"{HOME}class/1/concepts/image/4", address))
        if not parts.path.startswith("/static/dist/"):
            assert client.get(f"{parts.path}?{parts.query}").status_code in (200, 302), address


@pytest.mark.parametrize(
    "path", ["class/1/concepts/image/24", "class/9/concepts/image/0", "class/1/nothing/image/0"]
)
def test_no_other_image_has_a_page(client: FlaskClient, path: str) -> None:
    assert client.get(HOME + path).status_code == 404


def test_the_class_page_leads_there(client: FlaskClient, synthetic_atlas: Atlas) -> None:
    text = client.get(f"{HOME}class/1/units").text
    images = synthetic_atlas.load_class(1).images
    link = Page(text).having("data-preview-link")[0]["href"]
    assert link == f"../../class/1/units/image/{images['probability'].to_numpy().argmax()}"
    pages = json.loads(text.partition('id="page-data">')[2].partition("</script>")[0])["pages"]
    assert pages == {"address": "../../class/1/units/image/IMAGE", "numbers": None}


def test_the_table_adds_up(client: FlaskClient) -> None:
    text = client.get(f"{HOME}class/1/concepts.contributions.csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 24
    for row in rows:
        parts = [float(v) for k, v in row.items() if k.startswith("concepts-")]
        total = sum(parts) + float(row["residual"]) + float(row["bias"])
        assert total == pytest.approx(float(row["logit"]), rel=1e-4)


def test_a_large_static_site_has_pages_of_some_images(
    synthetic_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_page, "STATIC_PAGES", 3 * 2 * 5)
    book = AtlasBook(synthetic_atlas, "synthetic")
    some = image_page.image_numbers(book, 1, static=True)
    images = synthetic_atlas.load_class(1).images
    assert 4 <= len(some) <= 5
    assert int(np.argmax(images["probability"])) in some
    assert image_page.image_numbers(book, 1, static=False) == tuple(range(24))
    place = Links(here=image_path(1, "concepts", some[0]), suffix=".html")
    page = image_page.image_page(book, 1, "concepts", some[0], place)
    assert page.previous is None
    assert page.following is not None
    assert page.following.endswith(f"image/{some[1]}.html")


def test_a_shared_dictionary_says_what_it_leaves_out(tmp_path: Path) -> None:
    atlas = make_shared_atlas(tmp_path / "shared")
    client = create_explorer_app([atlas.root]).test_client()
    page = Page(client.get("/atlas/shared/class/0/concepts/image/1").text)
    assert page.faults == []
    assert "no concept that this class shows explains" in page.words()
