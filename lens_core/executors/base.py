"""The one interface of everything that builds classes, and what all of it has in common."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from lens_core.atlas import AtlasWriter, LensError, Track
from lens_core.building.one_class import Plan
from lens_core.classifier import Classifier
from lens_core.images import ClassFolder

Note = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """What a class's numbers depend on besides its images, the model and the settings."""

    device: str
    precision: str


@dataclass(frozen=True)
class Done:
    """A class that is finished, or what the user did wrong with it."""

    folder: ClassFolder
    error: str | None = None

    def __str__(self) -> str:
        return f"class {self.folder.name!r}: {self.error or 'finished'}"


class Executor(Protocol):
    """Builds classes, in any order; each depends on the plan and its folder alone."""

    def place(self, classifier: Classifier, note: Note) -> Place:
        """What classes will be computed on, for a classifier that was loaded in this process."""

    def run(
        self,
        plan: Plan,
        writer: AtlasWriter,
        folders: Sequence[ClassFolder],
        track: Track,
        note: Note,
    ) -> Generator[Done, None, None]:
        """Build the classes and tell of each when it is over; closing the generator stops it.

        Raises
        ------
        LensError
            Something that would befall the other classes, too.
        """

    def close(self) -> None:
        """Give back what was taken."""


def build_classes(
    executor: Executor,
    plan: Plan,
    writer: AtlasWriter,
    folders: Sequence[ClassFolder],
    track: Track,
    note: Note,
) -> None:
    """Build the classes. One that fails for what the user can mend does not stop the others.

    Raises
    ------
    LensError
        At the end, if any class failed; the others are finished and kept.
    """
    failed: list[Done] = []
    with closing(executor.run(plan, writer, folders, track, note)) as running:
        for done in track(running, "classes", len(folders)):
            if done.error is not None:
                failed.append(done)
                if len(folders) > 1:
                    note(str(done))
    if len(failed) == 1:
        raise LensError(str(failed[0]))
    if failed:
        names = ", ".join(repr(done.folder.name) for done in failed[:5])
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        raise LensError(
            f"{len(failed)} of {len(folders)} classes failed ({names}{more}), each for the reason "
            "told above; mend it and run the same command again, which keeps the others"
        )
