"""Pictures for studies that only the model can make: more of each concept, and hidden parts.

An atlas holds one visualization of a concept. Studies show several beside each other, made from
different starts, and ask of two versions of a photograph, each with a square hidden, which one the
concept favours. The answer is what the model says of the two: a concept is the code of the
photograph's mean activation, as the atlas values photographs.

Source: Zimmermann, Borowski, Geirhos, Bethge, Wallis and Brendel (2021), How Well do Feature
Visualizations Support Causal Understanding of CNN Activations?, NeurIPS: a square of .4 of the
side, at the places that leave most and least. Theirs are made with a charge on likeness; ours
differ by their starts.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from lens_core.atlas import Atlas, AtlasClass, ConceptInfo, DictionaryInfo, Track, no_track
from lens_core.classifier import Classifier
from lens_core.concept_search import codes

from .exhibits import GREY, to_tensor
from .making import Method, make, settings_for, spectrum_of
from .picture import to_pictures
from .spectrum import Spectrum
from .targets import Targets

TABLE = "pictures.csv"
COLUMNS = ("item", "image", "method", "file", "value")
HIDDEN = "hidden"
"""What versions of photographs with a square hidden are called in the table."""

EDGE = 0.22
"""Brightness of the edge of a hidden square."""
EDGE_SHARE = 0.008
"""Its width, as a share of the photograph's."""

_AT_ONCE = 32
_START = 1000
"""Between the seeds of two pictures of a concept; lots of one optimisation count on by one."""


@dataclass(frozen=True)
class Wanted:
    """What is made of each concept.

    Attributes
    ----------
    methods, n : of visualizations, and how many by each.
    px, steps : of them; None for what suits the model.
    photographs : held-out ones that activate the concept most, of which two versions are made.
    hidden : side of the square that is hidden, as a share of the photograph's.
    places : of the square along a side, at equal distances.
    per_class : the most important concepts of each class; None for all.
    """

    methods: tuple[Method, ...] = ("maco",)
    n: int = 9
    px: int | None = None
    steps: int | None = None
    photographs: int = 10
    hidden: float = 0.4
    places: int = 7
    per_class: int | None = None


@dataclass(frozen=True)
class Made:
    """A row of the table, and its picture.

    Attributes
    ----------
    item : ``CLASS/CONCEPT``, as studies name it.
    image : the photograph that it is a version of, empty for a visualization.
    value : what the model says of a version, none for a visualization.
    """

    item: str
    image: str
    method: str
    picture: Image.Image
    value: float | None = None


def write_pictures(
    atlas: Atlas,
    classifier: Classifier,
    dictionary: DictionaryInfo,
    class_ids: Sequence[int],
    wanted: Wanted,
    out: Path,
    seed: int = 0,
    track: Track = no_track,
) -> int:
    """Write the pictures and their table; returns how many.

    Parameters
    ----------
    classifier : the atlas's own, cut at the dictionary's layer.
    dictionary : one that each class has of its own.
    out : an empty folder.
    """
    spectrum = spectrum_of(atlas, classifier) if wanted.n else None
    rows: list[dict[str, str]] = []
    for class_id in track(class_ids, "classes", len(class_ids)):
        maker = _Maker(atlas.load_class(class_id), classifier, dictionary, wanted, track)
        for made in maker.pictures(spectrum, seed):
            file = f"{made.item}-{len(rows):05d}.png"
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            made.picture.save(out / file)
            value = "" if made.value is None else f"{made.value:.6g}"
            told = (made.item, made.image, made.method, file, value)
            rows.append(dict(zip(COLUMNS, told, strict=True)))
    with (out / TABLE).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


class _Maker:
    """Makes the pictures of one class."""

    def __init__(
        self,
        one: AtlasClass,
        classifier: Classifier,
        dictionary: DictionaryInfo,
        wanted: Wanted,
        track: Track,
    ) -> None:
        self._one, self._classifier, self._wanted, self._track = one, classifier, wanted, track
        self._dictionary = dictionary
        self._concepts = one.info.of_dictionary(dictionary.id)[: wanted.per_class]

    def pictures(self, spectrum: Spectrum | None, seed: int) -> Iterator[Made]:
        """Visualizations first, if there is a spectrum, then versions of photographs."""
        if not self._concepts:
            return
        stored = self._one.array(f"{self._dictionary.id}/dictionary")
        directions = torch.from_numpy(np.array(stored, np.float32))
        if spectrum is not None:
            yield from self._visualizations(directions, spectrum, seed)
        if self._wanted.photographs:
            yield from self._versions(directions)

    def _visualizations(self, directions: Tensor, spectrum: Spectrum, seed: int) -> Iterator[Made]:
        wanted = self._wanted
        alive = [c for c in self._concepts if float(directions[c.index].norm()) > 0]
        targets = Targets(directions[[concept.index for concept in alive]])
        for method in wanted.methods:
            settings = settings_for(self._classifier, method, wanted.px)
            settings = replace(settings, steps=wanted.steps or settings.steps)
            for start in range(wanted.n):
                found = make(
                    self._classifier, targets, method, spectrum, settings,
                    seed + _START * start, self._track,
                )  # fmt: skip
                for concept, picture in zip(alive, to_pictures(found), strict=True):
                    yield Made(self._item(concept), "", method, picture)

    def _versions(self, directions: Tensor) -> Iterator[Made]:
        one, wanted = self._one, self._wanted
        held_out = one.images[one.images["split"] == "held_out"]
        stored = one.array(f"{self._dictionary.id}/image_values")
        values = np.asarray(stored, np.float64)[held_out.index]
        chosen = {
            concept.index: set(
                np.argsort(-values[:, concept.index], kind="stable")[: wanted.photographs].tolist()
            )
            for concept in self._concepts
        }
        squares = list(places(wanted.hidden, wanted.places))
        needed = sorted(set().union(*chosen.values()))
        for row in self._track(needed, f"{one.info.name}: hiding parts", len(needed)):
            name = str(held_out["file"].iloc[row])
            photograph = _photograph(one.path(str(held_out["picture"].iloc[row])))
            found = hidden_values(
                self._classifier, photograph, squares, directions, self._dictionary.signed
            )
            for concept in self._concepts:
                mine = found[:, concept.index]
                most, least = int(mine.argmax()), int(mine.argmin())
                # Where hiding makes no difference there is nothing to ask.
                if row in chosen[concept.index] and mine[most] > mine[least]:
                    for place in (most, least):
                        version = with_square(photograph, squares[place])
                        value = float(mine[place])
                        yield Made(self._item(concept), name, HIDDEN, version, value)

    def _item(self, concept: ConceptInfo) -> str:
        return f"{self._one.info.id:05d}/{concept.id}"


def _photograph(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB")


Square = tuple[float, float, float]
"""Left, top and side, as shares of the picture's side."""


def places(side: float, n: int) -> Iterator[Square]:
    """``n`` × ``n`` squares that cover a picture.

    Examples
    --------
    >>> list(places(0.5, 2))
    [(0.0, 0.0, 0.5), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5), (0.5, 0.5, 0.5)]
    """
    at = [float(value) for value in np.linspace(0, 1 - side, n)]
    return ((left, top, side) for top in at for left in at)


def with_square(picture: Image.Image, square: Square) -> Image.Image:
    """The picture with a grey square on it.

    A thin darker edge inside the square makes it a card that lies on the picture: people see it on
    a page of the same grey, where it would look like a piece bitten off. The model sees the same.
    """
    left, top, side = square
    width, height = picture.size
    x0, y0 = round(left * width), round(top * height)
    x1, y1 = round((left + side) * width), round((top + side) * height)
    hidden = picture.copy()
    ImageDraw.Draw(hidden).rectangle(
        (x0, y0, x1 - 1, y1 - 1),
        fill=(round(GREY * 255),) * 3,
        outline=(round(EDGE * 255),) * 3,
        width=max(1, round(EDGE_SHARE * width)),
    )
    return hidden


@torch.inference_mode()
def hidden_values(
    classifier: Classifier,
    photograph: Image.Image,
    squares: Sequence[Square],
    directions: Tensor,
    signed: bool = False,
) -> NDArray[np.float64]:
    """(len(squares), r) values of all concepts of a class where each square is hidden.

    Parameters
    ----------
    directions : (r, d).
    signed : whether values may be negative.
    """
    px = classifier.preprocessing.input_px
    found: list[Tensor] = []
    for start in range(0, len(squares), _AT_ONCE):
        part = squares[start : start + _AT_ONCE]
        x = torch.stack([to_tensor(with_square(photograph, square), px) for square in part])
        found += list(classifier.encode(x).mean(dim=(2, 3)).cpu())
    coded = [codes(directions[None], one, non_negative=not signed)[0] for one in found]
    return torch.stack(coded).double().numpy()
