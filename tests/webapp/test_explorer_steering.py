"""Dose–response curves on concept panels: drawn to scale, told in words, left out where dead."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from flask.testing import FlaskClient

from lens_core.atlas import Atlas, Steering
from tests.support.atlas_measures import DOSES, STEERING
from tests.support.atlases import make_atlas
from tests.support.html import Page
from webapp.explorer import create_explorer_app
from webapp.explorer.steering import LEFT, LOGIT, RIGHT, curves_of, steering_view, tell

CLASS = "/atlas/synthetic/class/0"


@pytest.fixture(scope="module")
def client(synthetic_atlas: Atlas) -> FlaskClient:
    return create_explorer_app([synthetic_atlas.root]).test_client()


def points(path: str) -> np.ndarray:
    return np.array([[float(v) for v in p.split()] for p in path.removeprefix("M").split("L")])


def test_the_curve_is_drawn_to_scale(synthetic_atlas: Atlas) -> None:
    ant = synthetic_atlas.load_class(0)
    curves = curves_of(ant, "concepts")
    view = steering_view(ant.info.concept("concepts-0"), curves)
    assert view is not None
    xy = points(view.logit_path)
    assert len(xy) == len(DOSES)
    assert (xy[0, 0], xy[-1, 0]) == (LEFT, RIGHT)
    # Its logit is 8 + 1.5 α: one straight line, and the ticks lie on the same scale.
    slopes = np.diff(xy[:, 1]) / np.diff(xy[:, 0])
    assert slopes == pytest.approx(slopes[0], abs=2e-2)
    assert LOGIT[0] <= xy[:, 1].min() <= xy[:, 1].max() <= LOGIT[1]
    at = {float(tick.text): tick.at for tick in view.logit_ticks}
    logit = 8 + 1.5 * DOSES
    for value, place in at.items():
        assert np.interp(value, logit, xy[:, 1]) == pytest.approx(place, abs=0.2)
    assert (view.marks, view.unreal) == ((), None)
    assert "Nothing breaks between doses \u22122 and 6." in view.told


def test_breaks_are_marked_where_they_are(synthetic_atlas: Atlas) -> None:
    ant = synthetic_atlas.load_class(0)
    curves = curves_of(ant, "concepts")
    per_dose = (RIGHT - LEFT) / 8
    view = steering_view(ant.info.concept("concepts-1"), curves)
    assert view is not None
    at = {mark.kind: (mark.x - LEFT) / per_dose - 2 for mark in view.marks}
    assert at == pytest.approx({"bends": 3.0, "leaves": 4.0})
    assert view.unreal is not None
    assert sum(view.unreal) == pytest.approx(RIGHT, abs=0.2)
    assert len({mark.y for mark in view.marks}) == 2, "labels do not lie on one another"
    assert steering_view(ant.info.concept("concepts-3"), curves) is None, "it is dead"


def test_a_break_at_a_negative_dose_shades_the_other_side(synthetic_atlas: Atlas) -> None:
    ant = synthetic_atlas.load_class(0)
    found = Steering(unit=1.0, slope=-2.0, changes_at=-1.0, bends_at=None, leaves_at=-1.0)
    concept = ant.info.concept("concepts-0").model_copy(update={"steering": found})
    view = steering_view(concept, curves_of(ant, "concepts"))
    assert view is not None
    assert view.unreal is not None
    assert list(view.unreal) == pytest.approx([LEFT, (RIGHT - LEFT) / 8], abs=0.1)
    assert tell(found, -2, 6) == (
        "One dose more changes the logit by \u22122.00. At dose \u22121 most decisions change. "
        "At dose \u22121 activations stop being like real ones."
    )


def test_panels_have_a_slider_where_there_is_a_curve(client: FlaskClient) -> None:
    text = client.get(CLASS).text
    page = Page(text)
    assert page.faults == []
    sliders = page.having("data-dose")
    assert [s["aria-label"] for s in sliders] == [f"Dose of Concept {i}" for i in (0, 1, 2)]
    assert all("hidden" in s for s in sliders), "without a script it would do nothing"
    data = json.loads(text.partition('id="page-data">')[2].partition("</script>")[0])["steering"]
    assert data["doses"] == DOSES.tolist()
    assert set(data["concepts"]) == {"concepts-0", "concepts-1", "concepts-2"}
    assert data["concepts"]["concepts-2"]["changes_at"] == STEERING[2].changes_at
    assert data["concepts"]["concepts-0"]["logit"] == (8 + 1.5 * DOSES).tolist()


def test_all_curves_are_csv(client: FlaskClient) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get(f"{CLASS}/concepts.steering.csv").text)))
    assert len(rows) == 3 * len(DOSES)
    assert list(rows[0]) == ["concept", "dose", "logit", "probability", "changed", "distance"]
    one = {float(r["dose"]): float(r["changed"]) for r in rows if r["concept"] == "concepts-2"}
    assert one == {float(dose): 0.75 if dose >= 2 else 0.0 for dose in DOSES}


def test_without_measures_there_is_no_slider(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("plain") / "synthetic"
    make_atlas(root, n_classes=1, n_images=12, measured=False)
    client = create_explorer_app([root]).test_client()
    assert Page(client.get(CLASS).text).having("data-steering") == []
    table = client.get(f"{CLASS}/concepts.steering.csv").text
    assert table == "concept,dose,logit,probability,changed,distance\n"
