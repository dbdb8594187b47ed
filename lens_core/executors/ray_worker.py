"""What runs in a Ray actor: a model that stays loaded, and one class after another."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field, replace
from pathlib import Path

from lens_core.atlas import AtlasWriter, LensError, no_track
from lens_core.atlas.errors import PlaceError
from lens_core.atlas.store import open_store
from lens_core.atlas.writer import ClassWriter
from lens_core.building.one_class import Plan, build_class
from lens_core.classifier import Classifier
from lens_core.device import take_cores
from lens_core.executors.base import Place
from lens_core.executors.job import Job, ModelSource
from lens_core.executors.local import place_of
from lens_core.images import ClassFolder


@dataclass(frozen=True)
class Loaded:
    """A worker that is ready, or why it is not."""

    host: str
    place: Place | None = None
    weights_sha256: str = ""
    error: str | None = None


@dataclass(frozen=True)
class Built:
    """A class that is over.

    Attributes
    ----------
    error
        What the user can mend; None if the class is there.
    hopeless
        The error would befall the other classes, too.
    notes
        What was worth knowing.
    """

    error: str | None = None
    hopeless: bool = False
    notes: list[str] = field(default_factory=list)


class Worker:
    """Builds classes on one device.

    Parameters
    ----------
    cores : threads to compute and to decode photographs with.
    """

    def __init__(self, cores: int) -> None:
        take_cores(cores)
        self._host = socket.gethostname()
        self._classifier: Classifier | None = None
        self._plan: Plan | None = None
        self._job: Job | None = None

    def load(self, source: ModelSource) -> Loaded:
        """Load the model, unless it is."""
        try:
            classifier = self._classifier or source.load()
        except LensError as error:
            return Loaded(self._host, error=str(error))
        self._classifier = classifier
        return Loaded(self._host, place_of(classifier), classifier.weights_sha256)

    def begin(self, source: ModelSource, job: Job) -> Loaded:
        """Take a build, with the model that is loaded if there is one."""
        loaded = self.load(source)
        if self._classifier is None:
            return loaded
        try:
            error = job.missing_here()
            if error is None:
                self._plan = job.plan(self._classifier)
                self._job = job
        except LensError as caught:
            error = str(caught)
        return replace(loaded, error=error)

    def build(self, class_id: int, name: str, path: str) -> Built:
        """Build a class of the build that was taken; `path` is relative to the images folder."""
        assert self._plan is not None
        assert self._job is not None
        notes: list[str] = []
        folder = ClassFolder(class_id, name, Path(self._job.images) / path)
        store = open_store(self._job.place)
        try:
            with ClassWriter(store, AtlasWriter.class_dir(class_id)) as out:
                build_class(self._plan, folder, out, no_track, notes.append)
        except LensError as error:
            return Built(str(error), isinstance(error, PlaceError), notes)
        return Built(notes=notes)
