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
from PIL import Image

from lens_core.atlas import Atlas
from tests.support.atlas_measures import ATTRIBUTED
from tests.support.atlases import make_atlas
from tests.support.html import Page
from tests.support.shared_atlases import make_shared_atlas
from webapp.explorer import create_explorer_app, image_page, render
from webapp.explorer.book import AtlasBook
from webapp.explorer.links import Links, image_path
from webapp.explorer.site import write_site

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


@pytest.fixture(scope="module")
def attributed(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    root = tmp_path_factory.mktemp("attributed") / "synthetic"
    return make_atlas(root, n_classes=2, n_images=12, units=False, attributed=True)


def overlay(client: FlaskClient, method: str) -> np.ndarray:
    answer = client.get(f"{HOME}class/1/attributions/{method}/7.webp")
    assert answer.mimetype == "image/webp"
    return np.asarray(Image.open(io.BytesIO(answer.data)).convert("RGBA")).astype(int)


def test_attribution_maps_lie_over_the_picture(attributed: Atlas) -> None:
    client = create_explorer_app([attributed.root]).test_client()
    unsigned, signed = (overlay(client, method) for method in ("gradcam", "occlusion"))
    assert unsigned.shape == signed.shape == (256, 256, 4)
    near, far = (8, 8), (-8, -8)
    assert unsigned[near][3] < 20, "the picture stays as it is where the method points"
    assert unsigned[far].tolist() == pytest.approx([12, 13, 16, 178], abs=8), "and is dim elsewhere"
    red, _, blue, strength = signed[near]
    assert red > blue
    assert strength > 150, "what speaks for the class is orange"
    red, _, blue, strength = signed[far]
    assert blue > red
    assert strength > 150, "what speaks against it is blue"
    assert signed[::-1].diagonal().T[100:156, 3].max() < 20, "between them is nothing"
    for path in ("gradcam/6.webp", "rise/7.webp"):
        assert client.get(f"{HOME}class/1/attributions/{path}").status_code == 404


def test_each_method_says_how_true_its_map_is(attributed: Atlas) -> None:
    one, other = (view(attributed, "concepts", number).attributions for number in ATTRIBUTED)
    assert [v.title for v in one] == ["Grad-CAM", "Occlusion"]
    for first, second in zip(one, other, strict=True):
        assert (first.deletion, second.deletion) == pytest.approx((0.25, 0.5))
        assert (first.insertion, second.insertion) == pytest.approx((0.75, 0.5))
        assert first.mean_deletion == pytest.approx((first.deletion + second.deletion) / 2)
        assert first.deletion_path.startswith("M48.0 8.0L")
        assert first.insertion_path.startswith("M48.0 96.0L")
        assert second.deletion_path.endswith("L212.0 96.0")


def test_only_images_with_maps_show_methods(client: FlaskClient, attributed: Atlas) -> None:
    mine = create_explorer_app([attributed.root]).test_client()
    page = Page(mine.get(f"{HOME}class/1/concepts/image/7").text)
    assert page.faults == []
    assert "Deletion0.250.38 Insertion0.750.62" in page.words()
    assert "h-attributions" not in client.get(f"{HOME}class/1/concepts/image/7").text
    without = mine.get(f"{HOME}class/1/concepts/image/6").text
    assert 'id="h-attributions"' not in without
    assert "Attribution methods on images 2, 7" in Page(without).words()
    assert "image/2#h-attributions" in mine.get(f"{HOME}class/1").text
    assert "h-attributions" not in client.get(f"{HOME}class/1").text


def test_attribution_curves_are_csv(client: FlaskClient, attributed: Atlas) -> None:
    mine = create_explorer_app([attributed.root]).test_client()
    rows = list(csv.DictReader(io.StringIO(mine.get(f"{HOME}class/0/attributions.csv").text)))
    assert len(rows) == 2 * 2 * 17
    quarter = next(r for r in rows if r["image"] == "7" and r["pixels"] == "0.25")
    assert (quarter["method"], quarter["deletion"], quarter["insertion"]) == (
        "gradcam",
        "0.5",
        "0.5",
    )
    assert (quarter["deletion_area"], quarter["insertion_area"]) == ("0.25", "0.75")
    assert client.get(f"{HOME}class/0/attributions.csv").status_code == 404


def test_a_static_site_holds_attribution_maps(
    attributed: Atlas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "ASSETS", ())
    monkeypatch.setattr(image_page, "STATIC_PAGES", 2 * 2)
    write_site(attributed, tmp_path / "site")
    for number in ATTRIBUTED:
        file = tmp_path / f"site/class/1/concepts/image/{number}.html"
        found = [a for a in Page(file.read_text()).addresses if "attributions" in a]
        assert len(found) == 3, "two maps and a table"
        assert all((file.parent / urlsplit(address).path).is_file() for address in found)
