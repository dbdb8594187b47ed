"""A synthetic atlas whose classes share one dictionary, as `tests.support.atlases` makes others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lens_core.atlas import (
    Atlas,
    AtlasWriter,
    ClassPlace,
    ClassShare,
    CropPlace,
    ModelInfo,
    SharedConcept,
    SharedInfo,
)
from lens_core.atlas.files import pretty_json
from tests.support.atlases import GRID, PICTURE_PX, _dictionary, _name, _write_class

DICTIONARY = "concepts"


def make_shared_atlas(
    path: str | Path,
    n_classes: int = 3,
    n_rows: int = 6,
    n_dead: int = 1,
    shown: int = 3,
    n_images: int = 12,
    seed: int = 0,
) -> Atlas:
    """Write an atlas of one shared dictionary and open it.

    A class shows `shown` neighbouring rows of those that live, the next class begins one further,
    so that neighbours have rows in common. The last `n_dead` rows never occur.
    """
    labels = tuple(_name(i) for i in range(n_classes))
    info = _dictionary(DICTIONARY, n_rows).model_copy(update={"scope": "shared"})
    writer = AtlasWriter(
        path,
        title="Shared insects",
        model=ModelInfo(
            spec="synthetic",
            name="synthetic",
            n_classes=n_classes,
            input_px=PICTURE_PX,
            labels=labels,
        ),
        settings={"seed": seed},
        dictionaries=[info],
    )
    living = n_rows - n_dead
    rows_of = {i: [(i + k) % living for k in range(shown)] for i in range(n_classes)}
    for class_id, rows in rows_of.items():
        if not writer.has_class(class_id):
            _write_class(writer, class_id, labels, [info], shown, n_images, seed, rows)
    rng = np.random.default_rng(seed)
    rates = np.concatenate([rng.uniform(0.01, 0.6, living), np.zeros(n_dead)])
    importances = np.zeros((n_classes, n_rows))
    best: dict[int, list[CropPlace]] = {row: [] for row in range(living)}
    looks = {}
    for class_id in rows_of:
        one = writer.load_class(class_id)
        table = one.crops
        for concept in one.info.concepts:
            assert concept.row is not None
            importances[class_id, concept.row] = concept.importance
            name = f"shared/{DICTIONARY}/pictures/{DICTIONARY}-{concept.row}.webp"
            writer.write_file(name, one.path(concept.crops[0]).read_bytes())
            looks[concept.row] = name
            crop = concept.crop_rows[0]
            place = table.iloc[crop]
            best[concept.row].append(
                CropPlace(
                    class_id=class_id,
                    crop=crop,
                    value=float(one.array(f"{DICTIONARY}/crop_values")[crop, concept.index]),
                    picture=name,
                    image=f"{writer.class_dir(class_id)}/images/{int(place['image']):04d}.webp",
                    box=tuple(float(place[edge]) for edge in ("x0", "y0", "x1", "y1")),
                )
            )
    concepts = tuple(
        SharedConcept(
            id=f"{DICTIONARY}-{row}",
            row=row,
            firing_rate=float(rates[row]),
            position=(float(np.cos(row)), float(np.sin(row))),
            umap=(float(row % 40), float(row // 40)),
            classes=tuple(
                ClassShare(class_id=int(i), importance=float(importances[i, row]), prevalence=0.2)
                for i in np.argsort(-importances[:, row], kind="stable")[:10]
                if importances[i, row] > 0
            ),
            crops=tuple(sorted(best[row], key=lambda place: -place.value)),
            visualization=looks.get(row) if row % 2 == 0 else None,
        )
        for row in range(living)
    )
    classes = tuple(
        ClassPlace(
            class_id=i,
            position=(float(np.cos(i)), float(np.sin(2 * i))),
            umap=(float(i % 12), float(i // 12)),
            closest=tuple(
                (j, round(0.9 - 0.1 * abs(i - j), 3)) for j in range(n_classes) if j != i
            )[:4],
        )
        for i in range(n_classes)
    )
    maps = rng.uniform(0, 1, (living, max(map(len, best.values())), GRID, GRID))
    writer.write_arrays(
        f"shared/{DICTIONARY}",
        {"firing_rates": rates, "importances": importances, "maps": maps.astype(np.float16)},
    )
    info_of_all = SharedInfo(
        dictionary=DICTIONARY,
        n_concepts=n_rows,
        n_crops=n_classes * n_images * 9,
        dead=n_dead,
        concepts=concepts,
        classes=classes,
    )
    content = pretty_json(info_of_all.model_dump(mode="json"))
    writer.write_file(f"shared/{DICTIONARY}.json", content)
    import pandas as pd

    columns = ["class_id", "concept_id", "other_class_id", "other_concept_id", "cosine"]
    writer.write_table("similar", pd.DataFrame(columns=columns))
    writer.finish(list(range(n_classes)))
    return Atlas.open(path)
