"""Last pass for a dictionary that all classes share: what it is over all of them.

Everything comes from what the classes keep (`lens_core.building.shared_class`); no photograph is
read again. Memory holds two numbers a class and row of the dictionary, and the arrays of one class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lens_core import crops
from lens_core.atlas import (
    AtlasClass,
    AtlasWriter,
    ClassPlace,
    ClassShare,
    CropPlace,
    DictionaryInfo,
    SharedConcept,
    SharedInfo,
    Track,
)
from lens_core.atlas.files import pretty_json
from lens_core.building.one_class import Plan
from lens_core.building.portraits import maco_settings
from lens_core.building.positions import image_positions, umap_positions
from lens_core.building.settings import BuildSettings
from lens_core.building.shared_class import row_names
from lens_core.building.shared_fit import folder_of
from lens_core.building.write import crop_picture
from lens_core.classifier import Classifier
from lens_core.factorization import Factorization
from lens_core.visualization.maco import Targets, visualize
from lens_core.visualization.picture import to_pictures
from lens_core.visualization.spectrum import Spectrum

CLOSEST = 4
"""Classes named as the most similar ones of each."""
CLASSES_A_CONCEPT = 10
"""Classes named where a concept matters most."""

Array = NDArray[np.float64]


def close_shared(
    plan: Plan,
    class_ids: Sequence[int],
    writer: AtlasWriter,
    track: Track,
) -> None:
    """Write all that the plan's shared dictionaries have besides their classes.

    Parameters
    ----------
    class_ids
        All classes, finished, in the atlas's order.
    """
    for info in plan.dictionaries:
        if info.scope == "shared":
            _close(
                info,
                plan.shared[info.id],
                plan.classifiers[info.layer],
                class_ids,
                plan.settings,
                writer,
                plan.spectrum,
                track,
            )


def _close(
    info: DictionaryInfo,
    basis: Factorization,
    classifier: Classifier,
    ids: Sequence[int],
    settings: BuildSettings,
    writer: AtlasWriter,
    spectrum: Spectrum | None,
    track: Track,
) -> None:
    found = _Found(len(basis.dictionary), len(ids), settings.strongest_crops)
    n_images = 0
    for place, class_id in enumerate(track(ids, f"{info.id}: all classes", len(ids))):
        # Loaded anew in each round: a class keeps the tables that it was asked for.
        one = writer.load_class(class_id)
        found.add(place, one, info.id)
        n_images += one.info.n_images
    alive = np.flatnonzero(found.firing > 0)
    names = row_names(info.id, basis, alive.tolist())
    rows = basis.dictionary.cpu().double().numpy()[alive]
    per_image = _boxes(classifier, settings)
    n_crops = n_images * len(per_image)
    looks = _visualize(
        info, basis, classifier, alive, names, found, settings, writer, spectrum, track
    )
    strongest = _strongest(info, ids, found, per_image, writer, track)
    rates = found.firing / max(n_crops, 1)
    places = image_positions(_unit(rows), settings.seed)
    umap = _pairs(umap_positions(_unit(rows), settings.seed), len(rows))
    concepts = tuple(
        SharedConcept(
            id=name,
            row=int(row),
            firing_rate=float(rates[row]),
            position=(float(places[i, 0]), float(places[i, 1])),
            umap=umap[i],
            classes=_classes_of(found, int(row), ids),
            crops=strongest.get(int(row), ()),
            visualization=looks.get(name),
        )
        for i, (row, name) in enumerate(zip(alive, names, strict=True))
    )
    shared = SharedInfo(
        dictionary=info.id,
        n_concepts=len(found.firing),
        n_crops=n_crops,
        dead=len(found.firing) - len(alive),
        concepts=concepts,
        classes=_class_places(found.importances, ids, settings.seed),
    )
    writer.write_arrays(
        f"shared/{info.id}",
        {
            "firing_rates": rates,
            "importances": found.importances,
            "maps": _maps(info, ids, found, alive, writer),
        },
    )
    writer.write_file(f"shared/{info.id}.json", pretty_json(shared.model_dump(mode="json")))


class _Found:
    """What is added up class by class; r rows, c classes, s crops a row.

    Attributes
    ----------
    importances, prevalence
        (c, r).
    firing
        (r,) crops that have the concept.
    values, owners, crops
        (r, s) the strongest crops so far: how strong, of which class (by its place), which one.
        −1 where there are none.
    """

    def __init__(self, n_rows: int, n_classes: int, n_strongest: int) -> None:
        self.importances: Array = np.zeros((n_classes, n_rows))
        self.prevalence: Array = np.zeros((n_classes, n_rows))
        self.firing = np.zeros(n_rows, np.int64)
        self.values = np.full((n_rows, n_strongest), -np.inf)
        self.owners = np.full((n_rows, n_strongest), -1)
        self.crops = np.full((n_rows, n_strongest), -1)

    def add(self, place: int, one: AtlasClass, dictionary: str) -> None:
        self.importances[place] = one.array(f"{dictionary}/class_importances")
        self.prevalence[place] = one.array(f"{dictionary}/class_prevalence")
        self.firing += one.array(f"{dictionary}/class_firing").astype(np.int64)
        rows = one.array(f"{dictionary}/strongest_rows").astype(np.int64)
        new = one.array(f"{dictionary}/strongest_crops").astype(np.int64)
        strengths = one.array(f"{dictionary}/strongest_values").astype(np.float64)
        strengths = np.where(new >= 0, strengths, -np.inf)
        values = np.concatenate([self.values[rows], strengths], axis=1)
        owners = np.concatenate([self.owners[rows], np.where(new >= 0, place, -1)], axis=1)
        crops_ = np.concatenate([self.crops[rows], new], axis=1)
        best = np.argsort(-values, axis=1, kind="stable")[:, : self.values.shape[1]]
        self.values[rows] = np.take_along_axis(values, best, axis=1)
        self.owners[rows] = np.take_along_axis(owners, best, axis=1)
        self.crops[rows] = np.take_along_axis(crops_, best, axis=1)


def _boxes(classifier: Classifier, settings: BuildSettings) -> Array:
    px = classifier.preprocessing.input_px
    found: Array = crops.boxes(px, settings.patch_px or crops.default_patch_px(px)).numpy()
    return found


def _strongest(
    info: DictionaryInfo,
    ids: Sequence[int],
    found: _Found,
    boxes: Array,
    writer: AtlasWriter,
    track: Track,
) -> dict[int, tuple[CropPlace, ...]]:
    """The strongest crops of each row; a crop that several rows share is one picture."""
    places: dict[tuple[int, int], CropPlace] = {}
    for number, class_id in enumerate(track(ids, f"{info.id}: crops", len(ids))):
        wanted = np.unique(found.crops[found.owners == number]).tolist()
        one = writer.load_class(class_id)
        for crop in wanted:
            image = str(one.images["picture"].iloc[crop // len(boxes)])
            box = boxes[crop % len(boxes)]
            name = f"{folder_of(info.id)}/pictures/crop-{class_id:05d}-{crop}.webp"
            if writer.has_file(name):
                writer.read_file(name)
            else:
                with Image.open(one.path(image)) as display:
                    writer.write_picture(name, crop_picture(display.convert("RGB"), box))
            places[number, crop] = CropPlace(
                class_id=class_id,
                crop=crop,
                value=0.0,
                picture=name,
                image=f"{writer.class_dir(class_id)}/{image}",
                box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            )
    return {
        int(row): tuple(
            places[int(owner), int(crop)].model_copy(update={"value": float(value)})
            for value, owner, crop in zip(
                found.values[row], found.owners[row], found.crops[row], strict=True
            )
            if owner >= 0
        )
        for row in np.flatnonzero(found.firing > 0)
    }


def _maps(
    info: DictionaryInfo,
    ids: Sequence[int],
    found: _Found,
    alive: NDArray[np.int64],
    writer: AtlasWriter,
) -> NDArray[np.float16]:
    """Maps (n_living, s, h, w) of the strongest crops' images, 0 where there are no more."""
    maps = np.zeros((len(alive), found.values.shape[1], *info.map_shape), np.float16)
    for number, class_id in enumerate(ids):
        living, place = np.nonzero(found.owners[alive] == number)
        if not len(living):
            continue
        one = writer.load_class(class_id)
        own = one.array(f"{info.id}/strongest_rows")
        at = np.searchsorted(own, alive[living])
        crop = found.crops[alive[living], place]
        which = (one.array(f"{info.id}/strongest_crops")[at] == crop[:, None]).argmax(axis=1)
        maps[living, place] = one.array(f"{info.id}/strongest_maps")[at, which]
    return maps


def _visualize(
    info: DictionaryInfo,
    basis: Factorization,
    classifier: Classifier,
    alive: NDArray[np.int64],
    names: Sequence[str],
    found: _Found,
    settings: BuildSettings,
    writer: AtlasWriter,
    spectrum: Spectrum | None,
    track: Track,
) -> dict[str, str]:
    """Pictures by concept id, made chunk by chunk; chunks that are there are not made again."""
    if spectrum is None or (info.basis == "units" and not settings.visualize_units):
        return {}
    most = found.importances[:, alive].max(axis=0)
    chosen = np.argsort(-most, kind="stable")[: settings.shared_visualizations]
    maco = maco_settings(classifier, settings)
    files = {names[i]: f"{folder_of(info.id)}/pictures/{names[i]}.webp" for i in chosen}
    starts = range(0, len(chosen), maco.at_once)
    for start in track(starts, f"{info.id}: visualizing", len(starts)):
        chunk = chosen[start : start + maco.at_once]
        missing = [i for i in chunk if not writer.has_file(files[names[i]])]
        if missing:
            # The whole chunk, as its pictures are drawn from one stream of chance.
            made = visualize(
                classifier,
                Targets(basis.dictionary[alive[chunk]]),
                spectrum,
                maco,
                settings.seed + start,
                track,
            )
            for i, picture in zip(chunk, to_pictures(made), strict=True):
                writer.write_picture(files[names[i]], picture)
        else:
            for i in chunk:
                writer.read_file(files[names[i]])
    return files


def _classes_of(found: _Found, row: int, ids: Sequence[int]) -> tuple[ClassShare, ...]:
    importance = found.importances[:, row]
    order = np.argsort(-importance, kind="stable")[:CLASSES_A_CONCEPT]
    return tuple(
        ClassShare(
            class_id=ids[place],
            importance=float(importance[place]),
            prevalence=float(found.prevalence[place, row]),
        )
        for place in order
        if importance[place] > 0
    )


def _class_places(importances: Array, ids: Sequence[int], seed: int) -> tuple[ClassPlace, ...]:
    unit = _unit(importances)
    at = image_positions(unit, seed)
    umap = _pairs(umap_positions(unit, seed), len(unit))
    places = []
    for place, class_id in enumerate(ids):
        cosines = unit @ unit[place]
        order = [i for i in np.argsort(-cosines, kind="stable") if i != place][:CLOSEST]
        places.append(
            ClassPlace(
                class_id=class_id,
                position=(float(at[place, 0]), float(at[place, 1])),
                umap=umap[place],
                closest=tuple((ids[i], float(cosines[i])) for i in order),
            )
        )
    return tuple(places)


def _pairs(places: Array | None, n: int) -> list[tuple[float, float] | None]:
    if places is None:
        return [None] * n
    return [(float(x), float(y)) for x, y in places]


def _unit(rows: Array) -> Array:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Array = rows / np.where(norms > 0, norms, 1.0)
    return unit
