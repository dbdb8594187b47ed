"""A photograph, what a model says of it, and how that is explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from experiments.paradigms.reservoir import Cell
from experiments.stimuli import Cut


@dataclass(frozen=True)
class Judged:
    """A photograph and what the model says of it.

    Attributes
    ----------
    item : its name in the data.
    cut : the photograph itself.
    prediction, truth : of the two names; ``truth`` is empty if it is not known.
    explained : method to the picture of its explanation; empty if it can only be asked about.
    evidence : for simulated observers.
    atlas_hash : where it comes from.
    """

    item: str
    cut: Cut
    prediction: str
    truth: str = ""
    explained: Mapping[str, Cut] = field(default_factory=dict)
    evidence: float = 1.5
    atlas_hash: str = ""

    @property
    def model_correct(self) -> int | None:
        """Whether the model is right; none if that is not known."""
        return int(self.prediction == self.truth) if self.truth else None

    @property
    def cell(self) -> Cell:
        """What it is balanced over."""
        return self.prediction, self.model_correct


def rendered(picture: Image.Image, folder: Path, name: str) -> Cut:
    """A picture made here, without loss, for :func:`experiments.stimuli.write_stimuli`."""
    file = folder / f"{name}.png"
    picture.save(file)
    return Cut(file)
