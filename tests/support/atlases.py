"""A synthetic atlas: small, quick, whole, and made without torch.

Every concept has a colour, every image is a grid of patches in its concepts' colours, and a crop's
value is the share of it that has the concept's colour, so that pictures and numbers agree.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from lens_core.atlas import (
    Alignment,
    Atlas,
    AtlasWriter,
    ClassInfo,
    ConceptInfo,
    DictionaryFit,
    DictionaryInfo,
    ModelInfo,
)
from tests.support.atlas_measures import (
    ABLATIONS,
    ATTRIBUTED,
    ATTRIBUTIONS,
    attribution_arrays,
    steering_arrays,
    steering_of,
    with_measures,
)

GRID = 4
EARLIER, EARLIEST = "concepts~early", "concepts~early~earliest"
"""Dictionaries of parts of concepts, and of parts of these."""
PICTURE_PX = 96
TEXTURE = 6
NAMES = ("ant", "bee", "cricket", "dragonfly", "earwig", "firefly", "grasshopper", "hornet")


def make_atlas(
    path: str | Path,
    n_classes: int = 3,
    n_concepts: int = 4,
    n_images: int = 24,
    seed: int = 0,
    units: bool = True,
    divided: bool = False,
    measured: bool = True,
    attributed: bool = False,
) -> Atlas:
    """Write an atlas of ``n_classes`` made-up classes and open it.

    If ``divided``, concept 0 of each class has three parts and part 0.1 has two. Unless
    ``measured``, it says as little of itself as an atlas of format 1. If ``attributed``, two images
    of each class have maps of attribution methods.
    """
    labels = tuple(_name(i) for i in range(n_classes))
    dictionaries = [_dictionary("concepts", n_concepts)]
    if units:
        dictionaries.append(_dictionary("units", n_concepts))
    if divided:
        dictionaries += [_division(EARLIER, "concepts", 1), _division(EARLIEST, EARLIER, 2)]
    writer = AtlasWriter(
        path,
        title="Synthetic insects",
        model=ModelInfo(
            spec="synthetic",
            name="synthetic",
            n_classes=n_classes,
            input_px=PICTURE_PX,
            labels=labels,
        ),
        settings={"seed": seed, "n_concepts": n_concepts},
        dictionaries=dictionaries,
    )
    for class_id in range(n_classes):
        if not writer.has_class(class_id):
            _write_class(
                writer,
                class_id,
                labels,
                dictionaries,
                n_concepts,
                n_images,
                seed,
                measured=measured,
                attributed=attributed,
            )
    writer.write_table("similar", _similar(n_classes, n_concepts))
    writer.finish(list(range(n_classes)))
    return Atlas.open(path)


def _name(index: int) -> str:
    name = NAMES[index % len(NAMES)]
    return name if index < len(NAMES) else f"{name} {index // len(NAMES) + 1}"


def _dictionary(basis: str, n_concepts: int) -> DictionaryInfo:
    return DictionaryInfo(
        id=basis,
        layer="features",
        basis="units" if basis == "units" else "concepts",
        method="units" if basis == "units" else "nmf",
        n_concepts=n_concepts,
        fitted_on="none" if basis == "units" else "crops",
        importance="linear closed form",
        n_channels=2 * n_concepts,
        map_shape=(GRID, GRID),
    )


def _division(name: str, parent: str, depth: int) -> DictionaryInfo:
    whole = _dictionary("concepts", 2 * GRID)
    layer = name.rpartition("~")[2]
    return whole.model_copy(
        update={"id": name, "layer": layer, "parent": parent, "depth": depth, "fitted_on": "maps"}
    )


def _parts(
    whole: ConceptInfo, maps: NDArray[np.float32], values: NDArray[np.float64]
) -> tuple[list[ConceptInfo], dict[str, NDArray[np.generic]]]:
    """Parts of the first concept that are alike: what is shown of them is not."""
    arrays: dict[str, NDArray[np.generic]] = {}
    concepts = []
    shares = {EARLIER: (0.5, 0.3, -0.05), EARLIEST: (0.7, 0.2)}
    for dictionary, parent in ((EARLIER, whole.id), (EARLIEST, f"{whole.id}.1")):
        count = len(shares[dictionary])
        rows = [0] * count
        arrays[f"{dictionary}/dictionary"] = np.eye(count, 2 * GRID, dtype=np.float32)
        arrays[f"{dictionary}/crop_values"] = values[:, rows].astype(np.float32)
        arrays[f"{dictionary}/image_values"] = maps.mean((2, 3))[:, rows]
        arrays[f"{dictionary}/contributions"] = 0.1 * maps.mean((2, 3))[:, rows]
        arrays[f"{dictionary}/maps"] = maps[:, rows].astype(np.float16)
        for row, share in enumerate(shares[dictionary]):
            concepts.append(
                whole.model_copy(
                    update={
                        "id": f"{parent}.{row}",
                        "index": row,
                        "dictionary": dictionary,
                        "importance": share * whole.importance,
                        "alignment": (),
                        "visualization": None,
                        "parent": parent,
                        "share_of_parent": share,
                        "steering": None,
                        "ablation": None,
                    }
                )
            )
    return concepts, arrays


def _color(class_id: int, index: int, n_concepts: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb((index / n_concepts + 0.13 * class_id) % 1, 0.65, 0.85)
    return int(255 * red), int(255 * green), int(255 * blue)


def _picture(cells: NDArray[np.int64], class_id: int, n_concepts: int) -> Image.Image:
    """Patches in their concepts' colours, with a faint texture, so that no two crops are alike."""
    palette = np.array([_color(class_id, i, n_concepts) for i in range(n_concepts)], np.int64)
    rng = np.random.default_rng([class_id, *cells.ravel()])
    texture = rng.integers(-TEXTURE, TEXTURE + 1, (4 * GRID, 4 * GRID, 1))
    pixels = palette[cells].repeat(4, axis=0).repeat(4, axis=1) + texture
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).resize(
        (PICTURE_PX, PICTURE_PX), Image.Resampling.NEAREST
    )


def _write_class(
    writer: AtlasWriter,
    class_id: int,
    labels: tuple[str, ...],
    dictionaries: list[DictionaryInfo],
    n_concepts: int,
    n_images: int,
    seed: int,
    rows: Sequence[int] | None = None,
    measured: bool = True,
    attributed: bool = False,
) -> None:
    """`rows` are those of a shared dictionary that the class shows."""
    rng = np.random.default_rng([seed, class_id])
    weights = np.sort(rng.dirichlet(np.full(n_concepts, 1.2)))[::-1]
    cells = np.stack(
        [
            rng.choice(n_concepts, size=(GRID, GRID), p=rng.dirichlet(6 * weights + 0.2))
            for _ in range(n_images)
        ]
    )
    maps = np.stack([(cells == i) for i in range(n_concepts)], axis=1).astype(np.float32)
    maps *= rng.uniform(0.7, 1.3, size=maps.shape).astype(np.float32)
    boxes = [(x, y) for y in range(GRID - 1) for x in range(GRID - 1)]
    crop_values = np.array(
        [
            maps[image, :, y : y + 2, x : x + 2].mean((1, 2))
            for image in range(n_images)
            for x, y in boxes
        ]
    )
    image_values = maps.mean((2, 3))
    omega = np.linspace(3, 0.5, n_concepts).astype(np.float32)
    logit = image_values @ omega
    contributions = image_values * omega / logit[:, None]
    top = contributions.argmax(1)
    n_held_out = n_images // 2
    pictures = [_picture(cell, class_id, n_concepts) for cell in cells]
    with writer.new_class(class_id) as out:
        for index, picture in enumerate(pictures):
            out.write_picture(f"images/{index:04d}.webp", picture)
        out.write_table(
            "images",
            pd.DataFrame(
                {
                    "image": np.arange(n_images),
                    "file": [f"{labels[class_id]}/{i:04d}.png" for i in range(n_images)],
                    "split": ["held_out" if i < n_held_out else "fit" for i in range(n_images)],
                    "predicted": class_id,
                    "probability": rng.uniform(0.5, 1, n_images),
                    "logit": logit.astype(float),
                    "top_concept": top,
                    "x": rng.normal(size=n_images) + 3 * np.cos(2 * np.pi * top / n_concepts),
                    "y": rng.normal(size=n_images) + 3 * np.sin(2 * np.pi * top / n_concepts),
                    **(_other_places(top) if measured else {}),
                    "picture": [f"images/{i:04d}.webp" for i in range(n_images)],
                }
            ),
        )
        out.write_table(
            "crops",
            pd.DataFrame(
                [
                    {
                        "crop": image * len(boxes) + number,
                        "image": image,
                        "x0": x / GRID,
                        "y0": y / GRID,
                        "x1": (x + 2) / GRID,
                        "y1": (y + 2) / GRID,
                    }
                    for image in range(n_images)
                    for number, (x, y) in enumerate(boxes)
                ]
            ),
        )
        arrays: dict[str, NDArray[np.generic]] = {}
        concepts: list[ConceptInfo] = []
        for dictionary in (d for d in dictionaries if not d.depth):
            # Units see the same patches with noise, so that the two bases differ.
            noise = 0.25 if dictionary.basis == "units" else 0.0
            values = np.abs(crop_values + noise * rng.normal(size=crop_values.shape))
            arrays[f"{dictionary.id}/dictionary"] = np.eye(
                n_concepts, 2 * n_concepts, dtype=np.float32
            )
            arrays[f"{dictionary.id}/crop_values"] = values.astype(np.float32)
            arrays[f"{dictionary.id}/image_values"] = image_values
            arrays[f"{dictionary.id}/contributions"] = contributions.astype(np.float32)
            arrays[f"{dictionary.id}/maps"] = maps.astype(np.float16)
            if measured:
                arrays |= steering_arrays(dictionary.id, n_concepts)
            rank = 0
            for index in range(n_concepts):
                mine = top == index
                number = index if rows is None else rows[index]
                best = [int(row) for row in np.argsort(-values[:, index], kind="stable")[:10]]
                names = []
                for place, row in enumerate(best):
                    x, y = boxes[row % len(boxes)]
                    cell = PICTURE_PX // GRID
                    box = (x * cell, y * cell, (x + 2) * cell, (y + 2) * cell)
                    crop = pictures[row // len(boxes)].crop(box)
                    name = f"pictures/{dictionary.id}-{number}-crop-{place}.webp"
                    names.append(out.write_picture(name, crop))
                look = Image.new("RGBA", (64, 64), (*_color(class_id, index, n_concepts), 220))
                important = int(mine.sum()) >= 10 or index == 0
                concepts.append(
                    ConceptInfo(
                        id=f"{dictionary.id}-{number}",
                        index=index,
                        row=None if rows is None else number,
                        dictionary=dictionary.id,
                        importance=float(0.9 * contributions[:, index].mean()),
                        sobol_total=float(weights[index]),
                        sobol_total_se=0.01,
                        prevalence=float(mine.mean()),
                        reliability=0.9 if mine.any() else None,
                        important=important,
                        n_crops=int((values[:, index] > 0).sum()),
                        color=rank if important else None,
                        position=(float(np.cos(index)), float(np.sin(index))),
                        alignment=tuple(
                            Alignment(class_id=i, name=labels[i], cosine=round(0.9 - 0.2 * i, 3))
                            for i in range(min(5, len(labels)))
                        ),
                        visualization=None
                        if rows is not None
                        else out.write_picture(f"pictures/{dictionary.id}-{index}.webp", look),
                        crops=tuple(names),
                        crop_rows=tuple(best),
                        steering=steering_of(index, n_concepts) if measured else None,
                        ablation=ABLATIONS[index % len(ABLATIONS)] if measured else None,
                    )
                )
                rank += int(important)
        if any(dictionary.depth for dictionary in dictionaries):
            parts, more = _parts(concepts[0], maps, crop_values)
            concepts += parts
            arrays |= more
        if attributed:
            arrays |= attribution_arrays()
        out.write_arrays(arrays)
        out.finish(
            ClassInfo(
                id=class_id,
                name=labels[class_id],
                synonyms=(f"{labels[class_id]}s",),
                folder=labels[class_id],
                n_images=n_images,
                n_candidates=n_images + 2,
                n_held_out=n_held_out,
                accuracy=n_images / (n_images + 2),
                concepts=tuple(concepts),
                fits=tuple(_fit(d, rows is not None, measured) for d in dictionaries),
                attributed=ATTRIBUTED if attributed else (),
                attributions=ATTRIBUTIONS if attributed else (),
            )
        )


def _other_places(top: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """A second layout: a column for each concept, its images from top to bottom."""
    order = np.arange(len(top), dtype=np.float64)
    return {"umap_x": top.astype(np.float64), "umap_y": order}


def _fit(info: DictionaryInfo, shared: bool, measured: bool) -> DictionaryFit:
    fit = DictionaryFit(
        dictionary=info.id,
        residual=0.05 if shared else 0.08,
        bias=0.02,
        others=0.03 if shared else 0.0,
        error_crops=0.2,
        error_maps=0.3,
        error_held_out=0.24,
    )
    return with_measures(fit, info) if measured and not info.depth else fit


def _similar(n_classes: int, n_concepts: int) -> pd.DataFrame:
    rows = [
        {
            "class_id": here,
            "concept_id": f"concepts-{index}",
            "other_class_id": there,
            "other_concept_id": f"concepts-{index}",
            "cosine": round(0.95 - 0.1 * abs(here - there), 3),
        }
        for here in range(n_classes)
        for there in range(n_classes)
        for index in range(n_concepts)
        if here != there
    ]
    return pd.DataFrame(
        rows, columns=["class_id", "concept_id", "other_class_id", "other_concept_id", "cosine"]
    )
