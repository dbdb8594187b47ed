"""Links, ranking, geometry and maps of the explorer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens_core.atlas import Atlas
from webapp.explorer.figures import fill_box, fit_to_box, push_apart
from webapp.explorer.links import Links, class_path
from webapp.explorer.maps import pack_maps
from webapp.explorer.search import NO_MATCH, edit_distance, normalise, rank_text, search_classes
from webapp.explorer.texts import count, decimals, percent


def test_links_are_relative_to_the_page_they_stand_on() -> None:
    deep = Links(here="class/3/units")
    assert deep.page(class_path(310)) == "../../class/310"
    assert deep.page() == "../../"
    assert Links().page() == "./"


def test_links_of_a_static_site_name_files() -> None:
    deep = Links(here="class/3", suffix=".html", version="abc")
    assert deep.page() == "../index.html"
    assert deep.page(class_path(310)) == "../class/310.html"
    assert (
        deep.file("classes/00003/images/0 1.webp")
        == "../files/classes/00003/images/0%201.webp?v=abc"
    )
    assert deep.asset("css/tokens.css") == "../static/css/tokens.css"
    assert deep.concept(5, "concepts-2") == "../class/5.html#concepts-2"


@pytest.mark.parametrize(
    ("query", "text", "rank"),
    [
        ("ant", "ant", 0),
        ("ant", "antelope", 1),
        ("bear", "polar bear", 2),
        ("phant", "elephant", 3),
        ("elefant", "elephant", 5),
        ("dargonfly", "dragonfly", 4),
        ("drgonfly", "dragonfly", 4),
        ("bxe", "bee", NO_MATCH),
        ("", "bee", NO_MATCH),
    ],
)
def test_rank(query: str, text: str, rank: int) -> None:
    assert rank_text(query, text) == rank


@pytest.mark.parametrize(
    ("a", "b", "distance"), [("kitten", "sitting", 3), ("drgaon", "dragon", 1), ("", "bee", 3)]
)
def test_edit_distance(a: str, b: str, distance: int) -> None:
    assert edit_distance(a, b) == distance


@given(st.text(max_size=8), st.text(max_size=8))
def test_edit_distance_is_symmetric_and_bounded(a: str, b: str) -> None:
    distance = edit_distance(a, b)
    assert distance == edit_distance(b, a)
    assert abs(len(a) - len(b)) <= distance <= max(len(a), len(b))
    assert (distance == 0) == (a == b)


def test_text_is_compared_without_case_accents_and_separators() -> None:
    assert normalise("  Café_au-Lait ") == "cafe au lait"


def test_a_number_finds_its_class_first(synthetic_atlas: Atlas) -> None:
    assert search_classes(synthetic_atlas.classes, "2")[0].name == "cricket"
    assert len(search_classes(synthetic_atlas.classes, " ")) == 3


points = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=20)


@given(points)
def test_figures_stay_in_their_box(xy: list[tuple[float, float]]) -> None:
    for place in (fit_to_box, fill_box):
        moved = place(np.array(xy), 200, 100, 10)
        assert (moved >= 10 - 1e-6).all()
        assert (moved[:, 0] <= 190 + 1e-6).all()
        assert (moved[:, 1] <= 90 + 1e-6).all()


def test_fitting_keeps_the_aspect_and_turns_y_down() -> None:
    moved = fit_to_box(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 200, 100, 10)
    across, up = moved[1] - moved[0], moved[2] - moved[0]
    assert across == pytest.approx([80, 0])
    assert up == pytest.approx([0, -80])


def test_discs_are_pushed_apart_even_from_one_place() -> None:
    radii = np.full(6, 20.0)
    moved = push_apart(np.full((6, 2), 150.0), radii, 300, 300)
    gaps = [
        np.hypot(*(moved[i] - moved[j])) - radii[i] - radii[j] for i in range(6) for j in range(i)
    ]
    assert min(gaps) > 0


def test_packed_maps_hold_every_map_on_one_scale_a_concept(synthetic_atlas: Atlas) -> None:
    loaded = synthetic_atlas.load_class(0)
    maps = np.asarray(loaded.array("concepts/maps"), dtype=np.float64)
    packed = pack_maps(loaded, "concepts")
    assert tuple(np.frombuffer(packed[:8], "<u2")) == maps.shape
    levels = np.frombuffer(packed[8:], np.uint8).reshape(maps.shape) / 255
    scale = np.percentile(maps.transpose(1, 0, 2, 3).reshape(maps.shape[1], -1), 99.5, axis=1)
    expected = np.minimum(maps / scale[None, :, None, None], 1)
    assert levels == pytest.approx(expected, abs=1 / 250)


def test_numbers_as_people_read_them() -> None:
    assert percent(0.394) == "39\u00a0%"
    assert percent(-0.12, 1) == "\u221212.0\u00a0%"
    assert percent(-0.001) == "0\u00a0%"
    assert count(1, "class", "classes") == "1\u00a0class"
    assert count(12345, "image") == "12\u202f345\u00a0images"
    assert decimals(None) == "–"
