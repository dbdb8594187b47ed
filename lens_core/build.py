"""Images and a classifier in, an atlas out; class by class, each whole or not at all.

A class depends on its own images, the model and the settings alone, so a build that was killed
goes on where it stopped and ends with the same atlas. Memory holds one class at a time: its
photographs in the model's view and pooled activations of its crops.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from lens_core.atlas import (
    AtlasWriter,
    DictionaryInfo,
    LensError,
    Manifest,
    ModelInfo,
    Track,
    no_track,
)
from lens_core.building.basis import new_method
from lens_core.building.divide import plan_divisions
from lens_core.building.explain import LINEAR, NON_LINEAR
from lens_core.building.one_class import Plan
from lens_core.building.portraits import stored_spectrum
from lens_core.building.settings import BuildSettings
from lens_core.building.shared_close import close_shared
from lens_core.building.shared_fit import shared_dictionaries
from lens_core.building.similar import similar_concepts
from lens_core.classifier import Classifier
from lens_core.executors import Executor, LocalExecutor, Place, build_classes
from lens_core.images import ClassFolder, find_classes
from lens_core.models.sources import folder_names

__all__ = ["BuildSettings", "build_atlas"]


def build_atlas(
    classifier: Classifier,
    images: str | Path,
    out: str | Path,
    settings: BuildSettings | None = None,
    *,
    layers: Sequence[str] = (),
    labels: str | Path | None = None,
    classes: str = "all",
    title: str | None = None,
    contributors: Sequence[str] = (),
    resume: bool = True,
    force: bool = False,
    executor: Executor | None = None,
    track: Track = no_track,
    note: Callable[[str], None] = lambda text: None,
) -> Manifest:
    """Build an atlas.

    Parameters
    ----------
    classifier
        Cut at the main layer.
    images
        Folder with one folder of photographs a class.
    out
        Folder of the atlas, or a URL (see `lens_core.atlas.store.open_store`).
    layers
        Layers to explain, the main one first; none means the classifier's.
    labels, classes
        See `lens_core.images.find_classes`.
    contributors, resume, force
        See `lens_core.atlas.AtlasWriter`.
    executor
        Where classes are built; None: one after another in this process.
    note
        Is told one line about each thing worth knowing.

    Raises
    ------
    LensError
        Anything about the images, the model or the place that the user can mend. What concerns
        one class is raised when the others are finished.
    """
    settings = settings or BuildSettings()
    root = Path(images)
    at = {name: classifier.at(name) for name in dict.fromkeys(layers)}
    at = at or {classifier.layer: classifier}
    main = next(iter(at.values()))
    folders = find_classes(
        root,
        classifier.class_names,
        folder_names(classifier.synonyms),
        None if labels is None else Path(labels),
        classes,
    )
    if settings.select == "anywhere":
        places = [folder.path for folder in folders]
        folders = tuple(
            replace(one, others=tuple(place for place in places if place != one.path))
            for one in folders
        )
    for name, one in at.items():
        if one.rectified:
            note(f"layer {name} gives negative activations: concepts are made of the positive part")
    dictionaries = _dictionaries(at, settings)
    divisions = plan_divisions(dictionaries, at, settings)
    executor = executor or LocalExecutor()
    place = executor.place(classifier, note)
    writer = AtlasWriter(
        out,
        title=title or f"{classifier.name}, {len(folders)} classes",
        model=_model_info(classifier, place),
        settings={**settings.recorded(), "images_sha256": _listing(root, folders)},
        dictionaries=[*dictionaries, *divisions],
        contributors=contributors,
        resume=resume,
        force=force,
    )
    todo = [folder for folder in folders if not writer.has_class(folder.class_id)]
    if len(todo) < len(folders):
        note(f"{len(folders) - len(todo)} of {len(folders)} classes are there already")
    spectrum = None
    if settings.visualizations:
        spectrum = stored_spectrum(writer, main, folders, settings)
    shared = shared_dictionaries(at, writer.dictionaries, folders, root, settings, writer, track)
    plan = Plan(at, writer.dictionaries, settings, root, spectrum, shared)
    build_classes(executor, plan, writer, todo, track, note)
    class_ids = [folder.class_id for folder in folders]
    close_shared(plan, class_ids, writer, track)
    similar = similar_concepts(writer.load_class, class_ids, dictionaries)
    writer.write_table("similar", similar)
    return writer.finish(class_ids)


def _dictionaries(at: dict[str, Classifier], settings: BuildSettings) -> list[DictionaryInfo]:
    infos = []
    for layer, classifier in at.items():
        for basis, scope in product(dict.fromkeys(settings.bases), dict.fromkeys(settings.scopes)):
            n_concepts = settings.concepts
            if basis == "units":
                n_concepts = min(n_concepts, classifier.n_channels)
            name = basis if len(at) == 1 else f"{basis}.{layer}"
            if scope == "shared" and "class" in settings.scopes:
                name = f"shared.{name}"
            infos.append(
                DictionaryInfo(
                    id=name,
                    layer=layer,
                    basis=basis,
                    scope=scope,
                    method="units" if basis == "units" else settings.method,
                    n_concepts=n_concepts,
                    fitted_on=settings.fit_on,
                    importance=LINEAR if classifier.linear_head is not None else NON_LINEAR,
                    rectified=classifier.rectified,
                    signed=basis == "concepts" and not _non_negative(settings),
                    n_channels=classifier.n_channels,
                    map_shape=classifier.map_shape,
                )
            )
    return infos


def _non_negative(settings: BuildSettings) -> bool:
    return new_method(settings.method, settings.concepts, settings).non_negative


def _model_info(classifier: Classifier, place: Place) -> ModelInfo:
    file, colon, name = classifier.spec.rpartition(":")
    # Where a file lies on this machine says nothing about the model.
    spec = f"{Path(file).name}{colon}{name}" if colon else Path(classifier.spec).name
    return ModelInfo(
        spec=spec,
        name=classifier.name,
        n_classes=len(classifier.class_names),
        input_px=classifier.preprocessing.input_px,
        labels=classifier.class_names,
        weights_sha256=classifier.weights_sha256,
        device=place.device,
        precision=place.precision,
    )


def _listing(root: Path, folders: Sequence[ClassFolder]) -> str:
    """Checksum over which file of which size belongs to which class."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in folder.files():
            try:
                size = file.stat().st_size
            except OSError as error:
                raise LensError(f"{file}: cannot be read ({error.strerror})") from error
            line = f"{folder.class_id}\t{file.relative_to(root).as_posix()}\t{size}\n"
            digest.update(line.encode())
    return digest.hexdigest()
