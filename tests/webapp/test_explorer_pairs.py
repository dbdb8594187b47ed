"""Two classes side by side: what separates them, what they share, what only one has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flask.testing import FlaskClient

from lens_core.atlas import Atlas
from tests.support.directed import make_directed
from tests.support.html import Page
from tests.support.shared_atlases import make_shared_atlas
from webapp.explorer import create_explorer_app
from webapp.explorer.alike import alike_pairs, compared_pairs
from webapp.explorer.book import AtlasBook
from webapp.explorer.pairs import compare_classes

EYE = np.eye(6)
ANT = np.stack([EYE[0], EYE[1], EYE[2]])
BEE = np.stack([EYE[3], 3 * EYE[1], EYE[0] + EYE[4]])
PLANES = {0: 2 * EYE[0] + EYE[1], 1: EYE[1] + 2 * EYE[3]}
"""Direction 0 speaks for the ant, 3 for the bee, 1 for both alike and 2 for neither."""


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("pairs") / "insects"
    return make_directed(folder, {0: ANT, 1: BEE}, PLANES, n_images=12, units=False)


@pytest.fixture(scope="module")
def client(atlas: Atlas) -> FlaskClient:
    return create_explorer_app([atlas.root]).test_client()


def _by_id(concepts: tuple) -> dict[str, object]:  # type: ignore[type-arg]
    return {one.concept.id: one for one in concepts}


def test_separation_is_the_cosine_with_the_difference_of_hyperplanes(atlas: Atlas) -> None:
    pair = compare_classes(AtlasBook(atlas, "insects"), 0, 1)
    ant, bee = _by_id(pair.first), _by_id(pair.second)
    # w_a − w_b = 2 e0 − 2 e3
    half = 0.5**0.5
    assert [ant[f"concepts-{i}"].separation for i in range(3)] == pytest.approx([half, 0, 0])
    assert [bee[f"concepts-{i}"].separation for i in range(3)] == pytest.approx([-half, 0, 0.5])
    assert ant["concepts-0"].toward == pytest.approx(2 / 5**0.5)
    assert ant["concepts-0"].toward_other == 0
    assert pair.likeness == pytest.approx(1 / 5)


def test_margins_add_up_to_the_lead_that_the_concepts_explain(atlas: Atlas) -> None:
    pair = compare_classes(AtlasBook(atlas, "insects"), 0, 1)
    for class_id, concepts, sign in ((0, pair.first, 1), (1, pair.second, -1)):
        loaded = atlas.load_class(class_id)
        rebuilt = loaded.array("concepts/image_values") @ loaded.array("concepts/dictionary")
        lead = sign * rebuilt @ (PLANES[0] - PLANES[1])
        assert sum(one.margin or 0.0 for one in concepts) == pytest.approx(lead.mean(), abs=1e-5)


def test_turning_the_pair_turns_the_signs(atlas: Atlas) -> None:
    book = AtlasBook(atlas, "insects")
    there, back = compare_classes(book, 0, 1), compare_classes(book, 1, 0)
    for one, turned in zip(there.first, back.second, strict=True):
        assert one.separation == pytest.approx(-(turned.separation or 0.0))
        assert one.margin == pytest.approx(turned.margin)


def test_what_points_the_same_way_is_matched_and_the_rest_is_not(atlas: Atlas) -> None:
    pair = compare_classes(AtlasBook(atlas, "insects"), 0, 1)
    found = {
        (pair.first[p.left].concept.id, pair.second[p.right].concept.id): p.likeness
        for p in pair.matching.pairs
    }
    assert found == {
        ("concepts-1", "concepts-1"): pytest.approx(1.0),
        ("concepts-0", "concepts-2"): pytest.approx(0.5**0.5),
    }
    assert [pair.first[row].concept.id for row in pair.matching.left_alone] == ["concepts-2"]
    assert [pair.second[row].concept.id for row in pair.matching.right_alone] == ["concepts-0"]


def test_the_page_and_its_table_say_the_same(client: FlaskClient) -> None:
    page = Page(client.get("/atlas/insects/compare/0/1").text)
    assert page.faults == []
    assert "2 concepts of Ant have a counterpart in Bee" in page.words()
    assert "1 of Ant and 1 of Bee have none" in page.words()
    assert len(page.of_class("match")) == 2
    lines = client.get("/atlas/insects/compare/0/1/concepts.csv").text.splitlines()
    assert lines[0].startswith("class_id,concept_id,importance")
    assert len(lines) == 1 + 6


def test_without_hyperplanes_the_listed_cosines_are_shown(
    synthetic_atlas: Atlas, tmp_path: Path
) -> None:
    one = compare_classes(AtlasBook(synthetic_atlas, "synthetic"), 0, 1).first[0]
    assert (one.separation, one.margin) == (None, None)
    assert (one.toward, one.toward_other) == (0.9, 0.7)
    page = Page(create_explorer_app([synthetic_atlas.root]).test_client()
                .get("/atlas/synthetic/compare/0/1").text)  # fmt: skip
    assert page.faults == []
    assert "This atlas holds no hyperplanes" in page.words()


def test_classes_that_share_a_dictionary_share_its_rows(tmp_path: Path) -> None:
    atlas = make_shared_atlas(tmp_path / "shared")
    pair = compare_classes(AtlasBook(atlas, "shared"), 0, 1)
    both = {pair.first[p.left].concept.id for p in pair.matching.pairs}
    assert both == {"concepts-1", "concepts-2"}
    assert all(pair.first[p.left].concept.id == pair.second[p.right].concept.id
               for p in pair.matching.pairs)  # fmt: skip
    importances = atlas.shared("concepts").array("importances")
    for one in pair.first:
        assert one.elsewhere == pytest.approx(float(importances[1, one.concept.row]), abs=1e-6)
    page = Page(
        create_explorer_app([atlas.root]).test_client().get("/atlas/shared/compare/0/1").text
    )
    assert page.faults == []


def test_classes_are_chosen_by_name_and_by_a_search(client: FlaskClient) -> None:
    root = "/atlas/insects/"
    assert client.get(root + "compare?a=ant&b=beee").location == "compare/0/1"
    assert client.get(root + "classes?q=bee+vs.+ant").location == "compare/1/0"
    assert client.get(root + "classes?q=bee").status_code == 200
    page = Page(client.get(root + "compare?a=0&b=ant").text)
    assert "Both names mean Ant" in page.words()
    assert (
        "No class is called anything like “xyzzy”" in client.get(root + "compare?a=0&b=xyzzy").text
    )
    for path in ("compare/0/0", "compare/0/9", "compare/0/1/nothing"):
        assert client.get(root + path).status_code == 404


def test_a_static_site_has_all_pairs_or_the_most_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webapp.explorer import alike

    alike_rows = dict.fromkeys(range(3), ANT)
    atlas = make_directed(tmp_path / "three", alike_rows, n_images=12, units=False)
    rows = [(0, "concepts-0", 2, "concepts-0", 0.9), (1, "concepts-2", 2, "concepts-2", 0.4)]
    columns = ["class_id", "concept_id", "other_class_id", "other_concept_id", "cosine"]
    pd.DataFrame(rows, columns=columns).to_parquet(atlas.root / "similar.parquet")
    book = AtlasBook(Atlas.open(atlas.root), "three")
    assert list(alike_pairs(book)) == [(0, 2), (1, 2)]
    assert set(compared_pairs(book)) == {(0, 1), (0, 2), (1, 2)}
    monkeypatch.setattr(alike, "STATIC_PAIRS", 1)
    assert compared_pairs(book) == ((0, 2),)
