"""Two dictionaries on the same classes: matched by direction, or by what they do on photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lens_core.atlas import Atlas
from tests.support.atlases import make_atlas
from tests.support.html import Page
from webapp.explorer import against as numbers
from webapp.explorer import create_explorer_app
from webapp.explorer.against import Side, common_classes, compare_on_class, same_space
from webapp.explorer.book import AtlasBook


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """The same photographs in an atlas of its own; what it calls concept 0 comes last."""
    from safetensors.numpy import load_file, save_file

    atlas = make_atlas(tmp_path_factory.mktemp("against") / "other", units=False)
    for entry in atlas.classes:
        file = atlas.load_class(entry.id).path("arrays.safetensors")
        arrays = dict(load_file(file))
        for name in ("crop_values", "image_values"):
            turned = np.roll(arrays[f"concepts/{name}"], -1, axis=1)
            arrays[f"concepts/{name}"] = np.ascontiguousarray(turned)
        save_file(arrays, file)
    return Atlas.open(atlas.root)


def _side(atlas: Atlas, dictionary: str = "concepts") -> Side:
    book = AtlasBook(atlas, atlas.root.name)
    return Side(book, atlas.dictionary(dictionary))


def test_other_activations_are_matched_on_the_photographs(
    synthetic_atlas: Atlas, other: Atlas
) -> None:
    here, there = _side(synthetic_atlas), _side(other)
    assert not same_space(here, there), "the same name, but nobody knows whether the same weights"
    pair = common_classes(here.book, there.book)[0]
    found = compare_on_class(here, there, pair)
    assert (found.how, found.n_common, found.crops) == ("correlation", 24, True)
    matched = {
        (found.concepts[0][p.left].index, found.concepts[1][p.right].index)
        for p in found.matching.pairs
    }
    assert matched == {(0, 3), (1, 0), (2, 1), (3, 2)}
    assert found.matching.mean == pytest.approx(1.0)


def test_with_few_photographs_in_common_nothing_is_matched(
    synthetic_atlas: Atlas, other: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "FEWEST", 25)
    here, there = _side(synthetic_atlas), _side(other)
    found = compare_on_class(here, there, common_classes(here.book, there.book)[0])
    assert (found.how, found.n_common) == (None, 0)
    assert found.matching.pairs == ()
    assert len(found.matching.left_alone) == len(found.matching.right_alone) == 4


def test_the_same_activations_are_matched_by_direction(synthetic_atlas: Atlas) -> None:
    book = AtlasBook(synthetic_atlas, "synthetic")
    sides = [Side(book, synthetic_atlas.dictionary(name)) for name in ("concepts", "units")]
    assert same_space(*sides)
    found = compare_on_class(sides[0], sides[1], common_classes(book, book)[1])
    assert found.how == "cosine"
    assert [pair.likeness for pair in found.matching.pairs] == pytest.approx([1.0] * 4)


def test_classes_are_found_by_name_whatever_their_number(
    synthetic_atlas: Atlas, other: Atlas
) -> None:
    here, there = AtlasBook(synthetic_atlas, "here"), AtlasBook(other, "there")
    renumbered = other.manifest.model_copy(
        update={
            "classes": tuple(
                entry.model_copy(update={"id": 10 + entry.id, "name": name})
                for entry, name in zip(other.classes, ("BEES", "wasp", "Ant"), strict=True)
            )
        }
    )
    there.atlas = Atlas(other.store, renumbered)
    pairs = common_classes(here, there)
    assert [(one.name, entry.id) for one, entry in pairs] == [("ant", 12), ("bee", 10)]


def test_the_pages(synthetic_atlas: Atlas, other: Atlas) -> None:
    client = create_explorer_app([synthetic_atlas.root, other.root]).test_client()
    root = "/atlas/synthetic/against"
    assert client.get(f"{root}?d=concepts&e=other:concepts").location.endswith("other%3Aconcepts")
    for path in ("", "/concepts/units", "/concepts/units/1", "/concepts/other:concepts"):
        assert Page(client.get(root + path).text).faults == [], path
    page = Page(client.get(f"{root}/concepts/other:concepts/2").text)
    assert page.faults == []
    assert "4 concepts have a counterpart, with a mean correlation of 1.00" in page.words()
    assert "/atlas/other/class/2#concepts-0" in page.addresses
    lines = client.get(f"{root}/concepts/other:concepts.csv").text.splitlines()
    assert len(lines) == 1 + 3 * 4
    for path in (
        "/concepts/concepts",
        "/concepts/none",
        "/concepts/gone:concepts",
        "/concepts/units/9",
    ):
        assert client.get(root + path).status_code == 404, path


def test_many_classes_are_shown_a_page_at_a_time(
    synthetic_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    from webapp.explorer import against_page

    monkeypatch.setattr(against_page, "A_PAGE", 2)
    client = create_explorer_app([synthetic_atlas.root]).test_client()
    first = Page(client.get("/atlas/synthetic/against/concepts/units").text)
    assert "Classes 1 to 2 of 3" in first.words()
    second = Page(client.get("/atlas/synthetic/against/concepts/units?from=2").text)
    assert "Classes 3 to 3 of 3" in second.words()
    assert client.get("/atlas/synthetic/against/concepts/units?from=x").status_code == 200


def test_one_dictionary_alone_says_so(tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "alone", n_classes=1, n_images=12, units=False)
    client = create_explorer_app([atlas.root]).test_client()
    assert "one dictionary and is alone" in Page(client.get("/atlas/alone/against").text).words()
