"""One explained class into its folder of the atlas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lens_core import crops
from lens_core.atlas import Alignment, ClassInfo, ClassWriter, ConceptInfo
from lens_core.building.attributions import Attributed
from lens_core.building.collect import ClassImages
from lens_core.building.explain import Explained
from lens_core.building.measure import Measured
from lens_core.building.positions import concept_positions, image_positions, umap_positions
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier
from lens_core.images import ClassFolder

_CROP_PX = 112
_ALIGNED_CLASSES = 5


def write_class(
    out: ClassWriter,
    classifier: Classifier,
    folder: ClassFolder,
    images: ClassImages,
    explained: Sequence[Explained],
    measured: Mapping[str, Measured],
    attributed: Attributed | None,
    visualizations: Mapping[str, str],
    settings: BuildSettings,
) -> None:
    """Write all files of the class and finish it.

    Parameters
    ----------
    explained
        One a dictionary, the main one first.
    measured
        What was measured of them, by dictionary; may lack any.
    attributed
        Attribution maps, if there are any.
    visualizations
        Files of pictures that are written, by concept id, and by "class" for the class's logit.
    """
    px = classifier.preprocessing.input_px
    boxes = crops.boxes(px, settings.patch_px or crops.default_patch_px(px)).numpy()
    names = [
        out.write_picture(f"images/{index:04d}.webp", display)
        for index, display in enumerate(images.displays)
    ]
    out.write_table("images", _image_table(images, explained[0], names, settings))
    out.write_table("crops", _crop_table(len(names), boxes))
    arrays = _arrays(explained, measured, images) | _hyperplanes(classifier, explained, folder)
    out.write_arrays(arrays | (attributed.arrays if attributed else {}))
    concepts = [
        concept
        for one in explained
        for concept in _concepts(
            out,
            classifier,
            images,
            one,
            measured.get(one.info.id),
            boxes,
            visualizations,
            settings,
        )
    ]
    right = images.predicted == images.class_id
    own = [file.split("/")[0] == folder.path.name for file in images.files]
    out.finish(
        ClassInfo(
            id=folder.class_id,
            name=folder.name,
            synonyms=tuple(classifier.synonyms[folder.class_id]),
            folder=folder.path.name,
            n_images=len(names),
            n_candidates=len(images.files),
            n_held_out=int(images.held_out.sum()),
            accuracy=float(right[own].double().mean()),
            concepts=tuple(concepts),
            fits=tuple(
                measured[one.info.id].of(one.fit) if one.info.id in measured else one.fit
                for one in explained
            ),
            visualization=visualizations.get("class"),
            attributed=attributed.rows if attributed else (),
            attributions=attributed.infos if attributed else (),
        )
    )


def _image_table(
    images: ClassImages, main: Explained, names: Sequence[str], settings: BuildSettings
) -> pd.DataFrame:
    used = images.used
    counted = main.contributions if main.shared is None else main.shared.contributions
    shares = _shares(counted, images)
    places = image_positions(shares, settings.seed)
    umap = umap_positions(shares, settings.seed)
    files = [file for file, mine in zip(images.files, used.tolist(), strict=True) if mine]
    return pd.DataFrame(
        {
            "image": np.arange(len(files)),
            "file": files,
            "split": np.where(images.held_out[used].numpy(), "held_out", "fit"),
            "predicted": images.predicted[used].numpy(),
            "probability": images.probability[used].double().numpy(),
            "logit": images.logit[used].double().numpy(),
            "top_concept": main.summaries.top[used].numpy(),
            "x": places[:, 0],
            "y": places[:, 1],
            **({} if umap is None else {"umap_x": umap[:, 0], "umap_y": umap[:, 1]}),
            "picture": list(names),
        }
    )


def _crop_table(n_images: int, boxes: NDArray[np.float64]) -> pd.DataFrame:
    tiled = np.tile(boxes, (n_images, 1))
    return pd.DataFrame(
        {
            "crop": np.arange(len(tiled)),
            "image": np.repeat(np.arange(n_images), len(boxes)),
            **{name: tiled[:, column] for column, name in enumerate(("x0", "y0", "x1", "y1"))},
        }
    )


def _shares(contributions: Tensor, images: ClassImages) -> NDArray[np.float32]:
    """Contributions as shares of each image's logit, their sign kept where that is negative."""
    logit = images.logit[images.used].abs().clamp(min=1e-6)
    return (contributions / logit[:, None]).float().numpy()


def _arrays(
    explained: Sequence[Explained], measured: Mapping[str, Measured], images: ClassImages
) -> dict[str, NDArray[np.generic]]:
    arrays: dict[str, NDArray[np.generic]] = {}
    for one in explained:
        arrays[f"{one.info.id}/dictionary"] = one.dictionary.float().numpy()
        arrays[f"{one.info.id}/crop_values"] = one.crop_values.float().numpy()
        arrays[f"{one.info.id}/image_values"] = one.image_values.float().numpy()
        arrays[f"{one.info.id}/contributions"] = _shares(one.contributions, images)
        arrays[f"{one.info.id}/maps"] = one.maps.numpy()
        for name, array in (one.shared.arrays if one.shared else {}).items():
            arrays[f"{one.info.id}/{name}"] = array
    for dictionary, found in measured.items():
        for name, array in found.arrays.items():
            arrays[f"{dictionary}/{name}"] = array
    return arrays


def _hyperplanes(
    classifier: Classifier, explained: Sequence[Explained], folder: ClassFolder
) -> dict[str, NDArray[np.generic]]:
    """The class's weights (d,) in the space of each dictionary whose layer a linear head reads."""
    head = classifier.linear_head
    if head is None:
        return {}
    weight = head.weight[folder.class_id].float().cpu().numpy()
    mine = [one.info.id for one in explained if one.info.layer == classifier.layer]
    return {f"{dictionary}/hyperplane": weight for dictionary in mine}


def _concepts(
    out: ClassWriter,
    classifier: Classifier,
    images: ClassImages,
    one: Explained,
    measured: Measured | None,
    boxes: NDArray[np.float64],
    visualizations: Mapping[str, str],
    settings: BuildSettings,
) -> list[ConceptInfo]:
    importance = one.shares.concepts.numpy()
    ranked = np.argsort(-importance, kind="stable")
    colours = {
        int(row): place
        for place, row in enumerate(r for r in ranked if one.summaries.important[int(r)])
    }
    places = concept_positions(one.dictionary.numpy())
    aligned = _alignment(classifier, one)
    concepts = []
    for row, name in enumerate(one.names):
        values = one.crop_values[:, row]
        if one.divided is not None:  # parts of a concept are shown where that is
            values = torch.where(one.divided.shown[:, row], values, torch.zeros_like(values))
        strongest = _strongest(values.numpy(), len(boxes), settings)
        pictures = [
            out.write_picture(
                f"pictures/{name}-crop-{place}.webp",
                crop_picture(images.displays[crop // len(boxes)], boxes[crop % len(boxes)]),
            )
            for place, crop in enumerate(strongest)
        ]
        concepts.append(
            ConceptInfo(
                id=name,
                index=row,
                dictionary=one.info.id,
                importance=float(importance[row]),
                sobol_total=None if one.sobol is None else float(one.sobol[row]),
                sobol_total_se=None if one.sobol_error is None else float(one.sobol_error[row]),
                prevalence=one.summaries.prevalence[row],
                reliability=one.summaries.reliability[row],
                important=one.summaries.important[row],
                n_crops=int((one.crop_values[:, row] > 0).sum()),
                color=colours.get(row),
                position=(float(places[row, 0]), float(places[row, 1])),
                alignment=aligned[row],
                visualization=visualizations.get(name),
                crops=tuple(pictures),
                crop_rows=tuple(strongest),
                parent=one.divided.parents[row] if one.divided else None,
                share_of_parent=float(one.divided.shares[row]) if one.divided else None,
                row=one.shared.rows[row] if one.shared else None,
                steering=None if measured is None else measured.steering[row],
                ablation=None if measured is None else measured.ablations[row],
            )
        )
    return concepts


def _strongest(
    values: NDArray[np.float32], per_image: int, settings: BuildSettings
) -> tuple[int, ...]:
    """Rows of the strongest crops, at most one of each photograph, strongest first."""
    chosen: dict[int, int] = {}
    for crop in np.argsort(-values, kind="stable"):
        if len(chosen) == settings.strongest_crops or values[crop] <= 0:
            break
        chosen.setdefault(int(crop) // per_image, int(crop))
    return tuple(chosen.values())


def crop_picture(display: Image.Image, box: NDArray[np.float64]) -> Image.Image:
    """The piece of a picture in a box of fractions, at the size that all crops are shown in."""
    left, top, right, bottom = (float(edge) * display.width for edge in box)
    return display.resize(
        (_CROP_PX, _CROP_PX), Image.Resampling.LANCZOS, (left, top, right, bottom)
    )


def _alignment(classifier: Classifier, one: Explained) -> list[tuple[Alignment, ...]]:
    """The classes whose hyperplanes a concept's direction is closest to.

    Only a linear head has hyperplanes in the layer's own space; elsewhere there are none.
    """
    head = classifier.linear_head
    if head is None or one.info.layer != classifier.layer:
        return [() for _ in one.names]
    weight = torch.nn.functional.normalize(head.weight.cpu(), dim=1)
    cosines = torch.nn.functional.normalize(one.dictionary, dim=1) @ weight.T
    best = cosines.topk(min(_ALIGNED_CLASSES, len(weight)), dim=1)
    return [
        tuple(
            Alignment(class_id=int(i), name=classifier.class_names[int(i)], cosine=float(c))
            for c, i in zip(row_values, row_ids, strict=True)
        )
        for row_values, row_ids in zip(best.values, best.indices, strict=True)
    ]
