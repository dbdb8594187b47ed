"""Bias hunting: what is listed, in which order, and that everything else is left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lens_core.atlas import Atlas, LensError
from lens_core.atlas.store import FolderStore
from tests.support.atlases import make_atlas
from tests.support.html import Page
from tests.support.shared_atlases import make_shared_atlas
from webapp.explorer import create_explorer_app
from webapp.explorer.bias import bias_table, shared_by_strangers, unreliable
from webapp.explorer.book import AtlasBook

COLUMNS = ["class_id", "concept_id", "other_class_id", "other_concept_id", "cosine"]


@pytest.fixture
def atlas(tmp_path: Path) -> Atlas:
    """Ant and bee share one concept alone; ant and cricket all of theirs, equally well."""
    made = make_atlas(tmp_path / "synthetic", n_images=12, units=False)
    alike = [(0, f"concepts-{i}", 2, f"concepts-{i}", 0.9) for i in range(4)]
    strange = (0, "concepts-1", 1, "concepts-0", 0.9)
    both_ways = [*alike, strange, (1, "concepts-0", 0, "concepts-1", 0.9)]
    pd.DataFrame(both_ways, columns=COLUMNS).to_parquet(made.root / "similar.parquet")
    reliability = {"concepts-0": 0.5, "concepts-1": 0.2, "concepts-2": None, "concepts-3": 1.0}
    manifest = made.root / "atlas.json"
    for file in [*made.root.glob("classes/*/class.json"), manifest]:
        content = json.loads(file.read_text())
        for info in content["classes"] if file == manifest else [content]:
            info["accuracy"] = 0.9
            for concept in info["concepts"]:
                concept["reliability"] = reliability[concept["id"]]
        file.write_text(json.dumps(content))
    return Atlas.open(made.root)


def test_what_counts_and_leads_astray_is_ranked(atlas: Atlas) -> None:
    book = AtlasBook(atlas, "synthetic")
    found = unreliable(book)
    expected = sorted(
        (
            (concept.importance * (0.9 - wrong) * n / (n + 5), entry.id, concept.id)
            for entry in atlas.classes
            for concept in entry.concepts
            for name, wrong in (("concepts-0", 0.5), ("concepts-1", 0.2))
            if concept.id == name
            for n in [max(round(concept.prevalence * 12), 1)]
        ),
        key=lambda row: (-row[0], *row[1:]),
    )
    assert [(one.class_id, one.concept_id) for one in found] == [row[1:] for row in expected]
    assert [one.score for one in found] == pytest.approx([row[0] for row in expected])


def test_ranking_needs_the_manifest_alone_unless_an_earlier_version_wrote_it(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = unreliable(AtlasBook(atlas, "synthetic"))
    manifest = atlas.root / "atlas.json"
    earlier = json.loads(manifest.read_text())
    for entry in earlier["classes"]:
        del entry["accuracy"]
        for concept in entry["concepts"]:
            del concept["reliability"]
    manifest.write_text(json.dumps(earlier))

    def refuse(*_: object) -> None:
        raise AssertionError("a class was read, all of it")

    with monkeypatch.context() as patch:
        patch.setattr(Atlas, "load_class", refuse)
        assert unreliable(AtlasBook(Atlas.open(atlas.root), "synthetic")) == asked
        patch.setattr(FolderStore, "read", refuse)
        assert unreliable(AtlasBook(atlas, "synthetic")) == asked
    (atlas.root / "classes" / "00001" / "class.json").write_text("{")
    with pytest.raises(LensError, match=r"class\.json"):
        unreliable(AtlasBook(Atlas.open(atlas.root), "synthetic"))


def test_a_lone_likeness_outranks_a_likeness_among_many(atlas: Atlas) -> None:
    found = shared_by_strangers(AtlasBook(atlas, "synthetic"))
    first = found[0]
    # Nothing else is alike, so that all of the cosine is a surprise. Ant and cricket are alike in
    # everything and surprise nobody.
    assert {(one.class_id, one.other_class_id) for one in found} == {(0, 1)}
    assert (first.concept_id, first.other_concept_id) == ("concepts-1", "concepts-0")
    assert first.relatedness == 0.0
    assert first.score == pytest.approx(min(first.importance, first.other_importance) * 0.9)
    assert len(found) == 1, "a pair is listed once, whichever way the table tells it"


def test_the_page_shows_both_lists_with_ways_to_look(atlas: Atlas) -> None:
    client = create_explorer_app([atlas.root]).test_client()
    page = Page(client.get("/atlas/synthetic/bias").text)
    assert page.faults == []
    assert len(page.of_class("suspect")) == 6 + 1
    assert {"class/0#concepts-1", "class/1#concepts-0"} <= set(page.addresses)
    assert "all else 0.00" in page.words()
    lines = client.get("/atlas/synthetic/bias.shared.csv").text.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("0,concepts-1,")


def test_a_shared_dictionary_is_compared_by_its_rows(tmp_path: Path) -> None:
    atlas = make_shared_atlas(tmp_path / "shared")
    found = shared_by_strangers(AtlasBook(atlas, "shared"))
    importances = atlas.shared("concepts").array("importances")
    assert found
    for one in found:
        row = int(one.concept_id.rpartition("-")[2])
        assert one.concept_id == one.other_concept_id
        pair = importances[[one.class_id, one.other_class_id]]
        assert sorted((one.importance, one.other_importance)) == pytest.approx(
            sorted(pair[:, row]), rel=1e-5
        )
        rest = np.delete(pair, row, axis=1)
        cosine = rest[0] @ rest[1] / np.linalg.norm(rest[0]) / np.linalg.norm(rest[1])
        assert one.relatedness == pytest.approx(cosine, abs=1e-6)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)


def test_nothing_suspicious_says_so(tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "calm", n_classes=1, n_images=12)
    (atlas.root / "similar.parquet").unlink()
    manifest = atlas.root / "atlas.json"
    manifest.write_text(manifest.read_text().replace('"reliability": 0.9', '"reliability": 1.0'))
    client = create_explorer_app([atlas.root]).test_client()
    page = Page(client.get("/atlas/calm/bias").text)
    assert page.faults == []
    assert page.of_class("suspect") == []
    assert page.words().count("None:") == 2


def test_no_other_list_is_there(synthetic_atlas: Atlas) -> None:
    with pytest.raises(KeyError):
        bias_table(AtlasBook(synthetic_atlas, "synthetic"), "everything")
