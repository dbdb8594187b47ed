"""Numbers beside the pictures: all that was measured is told, explained, and left out where not."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from lens_core.atlas import Atlas, verify_atlas
from tests.support.atlases import make_atlas
from tests.support.html import Page
from webapp.explorer import create_explorer_app

HOME = "/atlas/synthetic/"


@pytest.fixture(scope="module")
def client(synthetic_atlas: Atlas) -> FlaskClient:
    return create_explorer_app([synthetic_atlas.root]).test_client()


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    root = tmp_path_factory.mktemp("plain") / "synthetic"
    atlas = make_atlas(root, n_classes=1, n_images=12, measured=False)
    return create_explorer_app([atlas.root]).test_client()


def table(client: FlaskClient, dictionary: str) -> list[dict[str, str]]:
    answer = client.get(f"{HOME}class/0/{dictionary}.measures.csv")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_synthetic_atlas_is_whole(synthetic_atlas: Atlas) -> None:
    assert verify_atlas(synthetic_atlas) == []


def tight(text: str) -> str:
    """The words of a page without the spaces between them."""
    return "".join(Page(text).text.split())


def test_the_page_tells_what_was_measured(client: FlaskClient) -> None:
    words = tight(client.get(f"{HOME}class/0").text)
    for told in (
        "Erroroncrops20%",
        "Erroroncropsneverseen24%",
        "Erroratsingleplaces30%",
        "R²0.62",
        "Stability0.81",
        "Dead1of4",
        "Distancefromreal0.93",
        "Theseimportances0.210.840.97",
        "Sobolindices0.250.790.88",
        "Randomorder0.490.52–",
    ):
        assert told in words


def test_concept_and_unit_are_ablated_side_by_side(client: FlaskClient) -> None:
    for path in ("class/0", "class/0/units"):
        words = tight(client.get(HOME + path).text)
        assert "Itsmostactiveconcept−41%25%" in words
        assert "Itsmostactiveunit−20%12%" in words


def test_the_table_explains_every_number(client: FlaskClient, synthetic_atlas: Atlas) -> None:
    rows = table(client, "units")
    assert all(row["meaning"] for row in rows)
    found = {(row["estimator"], row["measure"]): row["value"] for row in rows}
    assert len(found) == len(rows), "a row each"
    fit = next(f for f in synthetic_atlas.load_class(0).info.fits if f.dictionary == "units")
    assert fit.quality is not None
    for name, value in fit.quality.model_dump().items():
        assert found["", name] == ("" if value is None else f"{value:.6g}")
    for fidelity in fit.fidelity:
        for name in ("deletion", "insertion", "mu_fidelity"):
            value = getattr(fidelity, name)
            assert found[fidelity.estimator, name] == ("" if value is None else f"{value:.6g}")
    assert float(found["", "ablation_flips"]) == 0.125


def test_without_measures_errors_alone_are_told(unmeasured: FlaskClient) -> None:
    page = Page(unmeasured.get(f"{HOME}class/0").text)
    assert page.faults == []
    assert "This atlas holds reconstruction errors alone" in page.words()
    for word in ("Stability", "C-Deletion", "Decisions changed"):
        assert word not in page.words()
    measures = [row["measure"] for row in table(unmeasured, "concepts")]
    assert measures == ["error_crops", "error_held_out", "error_maps"]


def test_the_table_of_concepts_tells_what_each_is_worth(client: FlaskClient) -> None:
    text = client.get(f"{HOME}class/0/concepts.concepts.csv").text
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["part"] == "concept"]
    assert {row["id"]: float(row["ablation"]) for row in rows} == {
        "concepts-0": 3.2, "concepts-1": 1.1, "concepts-2": -0.4, "concepts-3": 3.2,
    }  # fmt: skip


def test_an_atlas_of_the_first_format_is_shown(tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "old", n_classes=1, n_images=12, measured=False)
    manifest = atlas.root / "atlas.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 2', '"format_version": 1'))
    client = create_explorer_app([atlas.root]).test_client()
    assert Page(client.get("/atlas/old/class/0").text).faults == []
