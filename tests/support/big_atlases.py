"""Atlases as large as ImageNet's, made in seconds: for load, not for looking at.

A few classes are written in full; the others are copies of them whose pictures and tables are the
same files (hard links), under their own names and numbers. Everything that a page reads is there.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from lens_core.atlas import Atlas, AtlasWriter, ModelInfo
from lens_core.atlas.files import pretty_json
from lens_core.atlas.reader import AtlasClass
from lens_core.atlas.store import FolderStore
from tests.support.atlases import PICTURE_PX, _dictionary, _name, _write_class
from tests.support.shared_atlases import make_shared_atlas

TEMPLATES = 4
N_SIMILAR = 9
"""Similar concepts of other classes for each concept, as LENS shows."""


def make_big_atlas(
    path: str | Path, n_classes: int = 1000, n_concepts: int = 10, n_images: int = 370
) -> Atlas:
    """Write an atlas whose classes have dictionaries of their own, and open it."""
    root = Path(path)
    labels = tuple(_name(i) for i in range(n_classes))
    dictionary = _dictionary("concepts", n_concepts)
    writer = AtlasWriter(
        root,
        title="Insects without end",
        model=ModelInfo(
            spec="synthetic",
            name="synthetic",
            n_classes=n_classes,
            input_px=PICTURE_PX,
            labels=labels,
        ),
        settings={"n_concepts": n_concepts},
        dictionaries=[dictionary],
    )
    n_templates = min(TEMPLATES, n_classes)
    for class_id in range(n_templates):
        _write_class(writer, class_id, labels, [dictionary], n_concepts, n_images, seed=0)
    for class_id in range(n_templates, n_classes):
        _copy_class(writer, root, class_id % n_templates, class_id, labels[class_id])
    writer.write_table("similar", _similar(n_classes, n_concepts))
    writer.finish(list(range(n_classes)))
    return Atlas.open(root)


def make_big_shared_atlas(
    path: str | Path, n_classes: int = 142, n_concepts: int = 2048, n_dead: int = 613
) -> Atlas:
    """Write an atlas of one dictionary for all classes, and open it."""
    return make_shared_atlas(
        path, n_classes=n_classes, n_rows=n_concepts, n_dead=n_dead, shown=10, n_images=16
    )


def _copy_class(writer: AtlasWriter, root: Path, source: int, class_id: int, name: str) -> None:
    """A class whose files are those of another; its ``class.json`` alone is its own."""
    here, there = root / writer.class_dir(source), root / writer.class_dir(class_id)
    info = AtlasClass(FolderStore(root), writer.class_dir(source)).info
    for folder in ("images", "pictures"):
        (there / folder).mkdir(parents=True)
    for file in info.files:
        os.link(here / file, there / file)
    own = info.model_copy(
        update={"id": class_id, "name": name, "synonyms": (f"{name}s",), "folder": name}
    )
    (there / "class.json").write_bytes(pretty_json(own.model_dump(mode="json")))


def _similar(n_classes: int, n_concepts: int) -> pd.DataFrame:
    """Each concept's likes, in the classes that follow."""
    here, index, step = np.meshgrid(
        np.arange(n_classes), np.arange(n_concepts), 1 + np.arange(N_SIMILAR), indexing="ij"
    )
    other = (here + step) % n_classes
    names = np.array([f"concepts-{i}" for i in range(n_concepts)])
    return pd.DataFrame(
        {
            "class_id": here.ravel(),
            "concept_id": names[index.ravel()],
            "other_class_id": other.ravel(),
            "other_concept_id": names[index.ravel()],
            "cosine": np.round(0.95 - 0.05 * step.ravel(), 3),
        }
    )
