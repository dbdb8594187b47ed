from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis.accuracy import accuracy_by_condition
from analysis.figures import (
    COLUMN_IN,
    DARK,
    DPI,
    LIGHT,
    MARGIN,
    Theme,
    accuracy_figure,
    beeswarm,
    render,
    round_values,
)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_person_is_a_dot(trials: pd.DataFrame, theme: Theme) -> None:
    result = accuracy_by_condition(trials, cluster="participant", rng=np.random.default_rng(0))
    labels = {"concepts": "Concepts", "units": "Units"}
    figure = accuracy_figure(result.participants, result.table, labels, theme)
    (axes,) = figure.axes
    swarms = [c.get_offsets() for c in axes.collections if len(c.get_offsets()) > 1]
    assert sum(len(dots) for dots in swarms) == trials["participant"].nunique()
    drawn = np.sort(np.concatenate([np.asarray(dots)[:, 1] for dots in swarms]))
    assert drawn == pytest.approx(np.sort(result.participants["accuracy"]))
    low, high = axes.get_ylim()
    assert low <= drawn.min()
    assert high >= drawn.max()
    picture = Image.open(io.BytesIO(render(figure, "png")))
    assert picture.width == pytest.approx(COLUMN_IN * DPI, abs=2)


def test_the_same_data_give_the_same_picture(trials: pd.DataFrame) -> None:
    result = accuracy_by_condition(trials, cluster="participant", rng=np.random.default_rng(0))

    def draw() -> bytes:
        labels = {"concepts": "Concepts", "units": "Units"}
        return render(accuracy_figure(result.participants, result.table, labels), "svg")

    assert draw() == draw()


def test_dots_lie_apart() -> None:
    values = np.repeat([0.5, 0.6, 0.9], [7, 1, 40])
    offsets = beeswarm(values)
    assert np.abs(offsets).max() <= MARGIN + 1e-12
    for value in (0.5, 0.6, 0.9):
        own = np.sort(offsets[values == value])
        assert len(np.unique(own.round(6))) == len(own)
        assert own.sum() == pytest.approx(0, abs=1e-9)
    assert beeswarm(np.array([])).tolist() == []


@pytest.mark.parametrize(("low", "high"), [(1.5, 2.1), (0.3, 40.0), (2.0, 2.05), (900, 5000)])
def test_axes_have_round_numbers(low: float, high: float) -> None:
    values = round_values(low, high)
    assert len(values) >= 3
    assert values == sorted(values)
    assert low <= values[0]
    assert values[-1] <= high


def test_lines_of_a_person_end_in_that_persons_dots(trials: pd.DataFrame) -> None:
    within = trials.assign(condition=np.where(trials.index % 2, "units", "concepts"))
    result = accuracy_by_condition(within, cluster="participant", rng=np.random.default_rng(0))
    labels = {"concepts": "Concepts", "units": "Units"}
    (axes,) = accuracy_figure(result.participants, result.table, labels, join="participant").axes
    dots = {
        tuple(dot)
        for collection in axes.collections
        for dot in np.asarray(collection.get_offsets()).round(9).tolist()
    }
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_lw() == 0.4]
    assert len(lines) == trials["participant"].nunique()
    for line in lines:
        for end in np.round(line.get_xydata(), 9).tolist():
            assert tuple(end) in dots
