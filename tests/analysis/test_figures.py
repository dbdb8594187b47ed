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
