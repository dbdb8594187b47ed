"""Candidate stimuli: which crops of which held-out photographs could stand for a concept.

Notation: an item is one concept or unit of one class; its universe is every crop of the class's
held-out images with the value ``u`` that the item's dictionary gives it. Dictionaries were fitted
on other images, so that stimuli are new to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments.schedule import generator
from lens_core.atlas import Atlas, AtlasClass, LensError

View = Literal["crop", "image"]
FRESH_TRIES = 24
"""Draws that look for queries not seen in another trial, before any will do."""


@dataclass(frozen=True)
class Picture:
    """Where one candidate is cut from.

    Attributes
    ----------
    file : stored picture of the model's view.
    source : the photograph, unique over atlases and classes.
    image, crop : row of the class's tables; ``crop`` is -1 for a whole image.
    box : ``x0 y0 x1 y1`` as fractions of the view.
    """

    file: Path
    source: str
    image: int
    crop: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class ClassPool:
    """Candidates of one class: all its items choose among the same pictures."""

    atlas_hash: str
    class_id: int
    class_name: str
    pictures: tuple[Picture, ...]
    photos: NDArray[np.int64]
    """(n,) number of the photograph that each picture shows part of."""


@dataclass(frozen=True)
class Universe:
    """All candidates of one item.

    Attributes
    ----------
    item : identifier of the item in the data: ``class/concept``.
    concept_id, dictionary, layer, basis : as in the atlas.
    pool : the pictures.
    values : (n,) activation of each picture.
    quantiles : (n,) rank of each picture in (0, 1), ties in an order drawn by seed.
    n_zero : how many candidates do not activate the item at all; their order is by seed alone.
    scale : standard deviation of the values.
    others : (n, d) activations of all other concepts of the class, in their SDs.
    visualization : the item's feature visualization, if the atlas has one.
    """

    item: str
    concept_id: str
    dictionary: str
    layer: str
    basis: str
    pool: ClassPool
    values: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    n_zero: int
    scale: float
    others: NDArray[np.float64]
    visualization: Path | None = None

    def likeness(self, some: Sequence[int], others: Sequence[int]) -> NDArray[np.float64]:
        """(len(some), len(others)) cosines between candidates' activations of other concepts."""
        lengths = np.linalg.norm(self.others, axis=1, keepdims=True)
        unit = self.others / np.maximum(lengths, 1e-12)
        return np.asarray(unit[list(some)] @ unit[list(others)].T)

    def stratum(self, low: float, high: float) -> NDArray[np.int64]:
        """Candidates whose quantile lies in [low, high], weakest first."""
        inside = np.flatnonzero((self.quantiles >= low) & (self.quantiles <= high))
        return inside[np.argsort(self.quantiles[inside])]


def read_universes(
    atlas: Atlas,
    dictionaries: Sequence[str],
    view: View,
    seed: int,
    items_per_class: int | None = None,
) -> list[Universe]:
    """The universe of the concepts of these dictionaries, class by class.

    Parameters
    ----------
    items_per_class : of each dictionary, the most important ones; none for all.

    Raises
    ------
    LensError
        If a dictionary is unknown, or no class has held-out images.
    """
    infos = [atlas.dictionary(name) for name in dictionaries]
    universes: list[Universe] = []
    for entry in atlas.classes:
        a_class = atlas.load_class(entry.id)
        pool, rows = _pool(atlas, a_class, view)
        if not pool.pictures:
            continue
        context = _Context(atlas, a_class, view, rows)
        for dictionary in infos:
            concepts = a_class.info.of_dictionary(dictionary.id)[:items_per_class]
            if not concepts:
                continue  # none of the class's concepts could be divided
            values = _values(a_class, dictionary.id, view)[rows]
            for concept in concepts:
                item = f"{entry.id:05d}/{concept.id}"
                rng = generator(seed, "ties", atlas.hash, item)
                mine = values[:, concept.index]
                universes.append(
                    Universe(
                        item=item,
                        concept_id=concept.id,
                        dictionary=dictionary.id,
                        layer=dictionary.layer,
                        basis=dictionary.basis,
                        pool=pool,
                        values=mine,
                        quantiles=_quantiles(mine, rng),
                        n_zero=int((mine <= 0).sum()),
                        scale=float(mine.std()),
                        others=context.without(concept.id),
                        visualization=(
                            a_class.path(concept.visualization) if concept.visualization else None
                        ),
                    )
                )
    if not universes:
        raise LensError(
            f"atlas {atlas.store} has no held-out images, and stimuli must be new to the concepts: "
            "build it again from more images a class"
        )
    return universes


class _Context:
    """What each candidate shows besides an item: undivided concepts of all dictionaries."""

    def __init__(
        self, atlas: Atlas, a_class: AtlasClass, view: View, rows: NDArray[np.int64]
    ) -> None:
        columns: list[NDArray[np.float64]] = []
        self._ids: list[str] = []
        for dictionary in atlas.dictionaries:
            concepts = a_class.info.of_dictionary(dictionary.id)
            if dictionary.basis != "concepts" or dictionary.depth or not concepts:
                continue
            values = _values(a_class, dictionary.id, view)[rows]
            columns += [values[:, concept.index] for concept in concepts]
            self._ids += [concept.id for concept in concepts]
        found = np.column_stack(columns) if columns else np.empty((len(rows), 0))
        spread = found.std(axis=0)
        self._z = (found - found.mean(axis=0)) / np.where(spread > 0, spread, 1)

    def without(self, concept: str) -> NDArray[np.float64]:
        """(n, d) the columns of all other concepts."""
        return np.asarray(self._z[:, [i for i, known in enumerate(self._ids) if known != concept]])


def _values(a_class: AtlasClass, dictionary: str, view: View) -> NDArray[np.float64]:
    name = f"{dictionary}/{'crop_values' if view == 'crop' else 'image_values'}"
    try:
        return np.asarray(a_class.array(name), np.float64)
    except Exception as error:  # safetensors raises an exception of its own besides OSError
        raise LensError(
            f"{a_class.directory}: array {name} cannot be read ({error}); build the atlas again"
        ) from error


def _pool(atlas: Atlas, a_class: AtlasClass, view: View) -> tuple[ClassPool, NDArray[np.int64]]:
    """Pictures of the held-out images, and the rows of the value arrays that they belong to."""
    info = a_class.info
    held_out = a_class.images[a_class.images["split"] == "held_out"]
    columns = zip(held_out["image"], held_out["picture"], held_out["file"], strict=True)
    files = {int(image): (a_class.path(picture), str(file)) for image, picture, file in columns}
    if view == "crop":
        table = a_class.crops[a_class.crops["image"].isin(list(files))]
        rows = table.index.to_numpy(np.int64)
        places = [table[name] for name in ("image", "crop", "x0", "y0", "x1", "y1")]
        boxes = list(zip(*places, strict=True))
    else:
        rows = held_out.index.to_numpy(np.int64)
        boxes = [(image, -1, 0.0, 0.0, 1.0, 1.0) for image in files]
    pictures = tuple(
        Picture(
            file=files[int(image)][0],
            source=files[int(image)][1],
            image=int(image),
            crop=int(crop),
            box=(float(x0), float(y0), float(x1), float(y1)),
        )
        for image, crop, x0, y0, x1, y1 in boxes
    )
    pool = ClassPool(
        atlas_hash=atlas.hash,
        class_id=info.id,
        class_name=info.name,
        pictures=pictures,
        photos=np.array([picture.image for picture in pictures], np.int64),
    )
    return pool, rows


def _quantiles(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Rank of each value in (0, 1); equal values are put in an order drawn by ``rng``."""
    order = np.lexsort((rng.random(len(values)), values))
    quantiles = np.empty(len(values))
    quantiles[order] = (np.arange(len(values)) + 0.5) / len(values)
    return quantiles


Query = Literal["any", "extreme", "close", "alike"]


@dataclass(frozen=True)
class Draw:
    """Candidates of one trial, all of different photographs."""

    strong_query: int
    weak_query: int
    strong: tuple[int, ...]
    weak: tuple[int, ...]


@dataclass(frozen=True)
class Strata:
    """What may stand for strong and for weak, weakest first."""

    strong: NDArray[np.int64]
    weak: NDArray[np.int64]


def strata(universe: Universe, strong_quantile: float, weak_quantile: float) -> Strata:
    """Candidates above and below the two quantiles.

    A candidate that does not activate the item, or no more than the weak ones do, is not strong.
    """
    weak = universe.stratum(0.0, weak_quantile)
    strong = universe.stratum(strong_quantile, 1.0)
    floor = max(0.0, float(universe.values[weak].max(initial=0.0)))
    return Strata(strong=strong[universe.values[strong] > floor], weak=weak)


def capacity(universe: Universe, sides: Strata) -> int:
    """How many candidates a side a trial can have with no photograph twice in it.

    Each side needs ``k`` photographs of its own, so ``k`` is bounded by each side's photographs
    and by half of all of them (Hall's condition for two sets).
    """
    strong, weak = (set(universe.pool.photos[side].tolist()) for side in (sides.strong, sides.weak))
    return min(len(strong), len(weak), len(strong | weak) // 2)


def draw(
    universe: Universe, sides: Strata, n_references: int, query: Query, rng: np.random.Generator
) -> Draw:
    """Draw one trial: stratified by strength within each side, one crop of a photograph at most.

    Parameters
    ----------
    n_references : on each side; at most ``capacity(universe, sides) - 1``.
    query : which of the drawn candidates become queries: any, the most extreme ones (an obvious
        trial), those closest to the other side (a harder one), or the two that are most alike in
        all other concepts.
    """
    photos = universe.pool.photos
    n = n_references + 1
    for_strong, for_weak = _share_photos(photos[sides.strong], photos[sides.weak], n, rng)
    strong = draw_side(sides.strong[np.isin(photos[sides.strong], for_strong)], photos, n, rng)
    weak = draw_side(sides.weak[np.isin(photos[sides.weak], for_weak)], photos, n, rng)
    if query == "any":
        place, weak_place = int(rng.integers(n)), int(rng.integers(n))
    elif query == "alike":
        place, weak_place = divmod(int(np.argmax(universe.likeness(strong, weak))), n)
    else:
        place = n - 1 if query == "extreme" else 0
        weak_place = n - 1 - place
    return Draw(
        strong_query=strong.pop(place),
        weak_query=weak.pop(weak_place),
        strong=tuple(strong),
        weak=tuple(weak),
    )


@dataclass
class History:
    """Candidates that trials of one item have used: as queries, and as references."""

    asked: set[int] = field(default_factory=set)
    shown: set[int] = field(default_factory=set)


def draw_fresh(
    universe: Universe,
    sides: Strata,
    n_references: int,
    query: Query,
    rng: np.random.Generator,
    history: History,
) -> Draw:
    """:func:`draw`, but no query is a query or a reference of another trial of the item.

    Else whoever remembers one trial would know the answer of another. Where photographs are too
    few for that, repetition is allowed again.
    """
    asked = sorted(history.asked)
    fresh = Strata(
        strong=sides.strong[~np.isin(sides.strong, asked)],
        weak=sides.weak[~np.isin(sides.weak, asked)],
    )
    if capacity(universe, fresh) > n_references:
        sides = fresh
    for _ in range(FRESH_TRIES):
        drawn = draw(universe, sides, n_references, query, rng)
        if not {drawn.strong_query, drawn.weak_query} & (history.shown | history.asked):
            break
    history.asked |= {drawn.strong_query, drawn.weak_query}
    history.shown |= {*drawn.strong, *drawn.weak}
    return drawn


def _share_photos(
    strong: NDArray[np.int64], weak: NDArray[np.int64], n: int, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Give every photograph to one side, at random as far as each side gets ``n``."""
    strong_set, weak_set = set(strong.tolist()), set(weak.tolist())
    both = sorted(strong_set & weak_set)
    only_strong, only_weak = sorted(strong_set - weak_set), sorted(weak_set - strong_set)
    both = [both[place] for place in rng.permutation(len(both))]
    least = max(0, n - len(only_strong))
    most = len(both) - max(0, n - len(only_weak))
    cut = int(rng.integers(least, most + 1))
    return only_strong + both[:cut], only_weak + both[cut:]


def draw_side(
    stratum: NDArray[np.int64], photos: NDArray[np.int64], n: int, rng: np.random.Generator
) -> list[int]:
    """``n`` candidates of different photographs, one from each of ``n`` equal bins if possible.

    Returns the candidates weakest first.
    """
    bins = np.array_split(stratum, n)
    taken: set[int] = set()
    picks: list[int] = []
    for part in [*(bins[place] for place in rng.permutation(n)), *([stratum] * n)]:
        free = [int(c) for c in part if int(photos[c]) not in taken]
        if free and len(picks) < n:
            picks.append(free[int(rng.integers(len(free)))])
            taken.add(int(photos[picks[-1]]))
    place_of = {int(candidate): place for place, candidate in enumerate(stratum)}
    return sorted(picks, key=place_of.__getitem__)
