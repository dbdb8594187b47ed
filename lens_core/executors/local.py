"""One class after another, in this process."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from lens_core.atlas import AtlasWriter, LensError, Track
from lens_core.atlas.errors import PlaceError
from lens_core.building.one_class import Plan, build_class
from lens_core.classifier import Classifier
from lens_core.executors.base import Done, Note, Place
from lens_core.images import ClassFolder


class LocalExecutor:
    """Builds classes in this process, in their order."""

    def place(self, classifier: Classifier, note: Note) -> Place:
        """See :class:`~lens_core.executors.base.Executor`."""
        return place_of(classifier)

    def run(
        self,
        plan: Plan,
        writer: AtlasWriter,
        folders: Sequence[ClassFolder],
        track: Track,
        note: Note,
    ) -> Generator[Done, None, None]:
        """See :class:`~lens_core.executors.base.Executor`."""
        for folder in folders:
            try:
                with writer.new_class(folder.class_id) as out:
                    build_class(plan, folder, out, track, note)
            except PlaceError:
                raise
            except LensError as error:
                yield Done(folder, str(error))
            else:
                yield Done(folder)

    def close(self) -> None:
        """There is nothing to give back."""


def place_of(classifier: Classifier) -> Place:
    """What this classifier computes on."""
    return Place(classifier.device.type, str(classifier.dtype).removeprefix("torch."))
