"""Answers what a web server asks about pictures, as long as it runs.

It reads a server's folder and nothing else: the atlases in it, and the spool of questions
(`lens_core.atlas.spool`). Several may run at once, on several machines if they share the folder.
"""

from __future__ import annotations

import io
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from lens_core.atlas import Atlas, LensError
from lens_core.atlas.spool import FOLDER, HEARTBEAT_S, Answer, Spool, Worker
from lens_core.classifier import Classifier
from lens_core.concept_search import ConceptSearch, explains

MAX_PX = 1024
POLL_S = 0.25


class CropWorker:
    """A model that answers for the atlases of a server that are of it.

    Parameters
    ----------
    directory : the server's folder.
    classifier : the model.
    note : told what happens, a line each.

    Raises
    ------
    LensError
        If there is no server, or none of its atlases is of this model.
    """

    def __init__(
        self, directory: Path, classifier: Classifier, note: Callable[[str], None] = lambda _: None
    ) -> None:
        self.spool = Spool(directory / FOLDER)
        self.name = f"{socket.gethostname().partition('.')[0]}-{os.getpid()}"
        self._shelf = directory / "atlases"
        self._classifier = classifier
        self._note = note
        self._searches: dict[str, ConceptSearch] = {}
        self._seen: dict[Path, int] = {}
        if not self._shelf.is_dir():
            raise LensError(f"there is no server with atlases in {directory}: see 'lens serve'")
        self._look()
        if not self._searches:
            raise LensError(
                f"none of the atlases in {self._shelf} is of the model {classifier.name} with "
                "these weights: give the --model and --weights that one was built with"
            )

    @property
    def titles(self) -> tuple[str, ...]:
        """The atlases that it answers for."""
        return tuple(search.atlas.title for search in self._searches.values())

    def run(self, stopped: threading.Event) -> None:
        """Answer until told to stop."""
        heart = threading.Thread(target=self._beat, args=(stopped,), daemon=True)
        heart.start()
        try:
            while not stopped.is_set():
                if not self.answer_one():
                    stopped.wait(POLL_S)
        finally:
            stopped.set()
            heart.join()
            self.spool.leave(self.name)

    def answer_one(self) -> bool:
        """Answer the oldest question, if there is one; says whether there was."""
        taken = self.spool.take(frozenset(self._searches))
        if taken is None:
            return False
        token, question, picture = taken
        begun = time.monotonic()
        try:
            found = self._searches[question.atlas_hash].find(read_picture(picture))
        except LensError as error:
            found = Answer(atlas_hash=question.atlas_hash, error=str(error))
        except Exception as error:  # whatever a model does with a picture must not end the worker
            self._note(f"a picture could not be answered: {type(error).__name__}: {error}")
            text = "the model could not look at this picture"
            found = Answer(atlas_hash=question.atlas_hash, error=text)
        self.spool.reply(token, found)
        self._note(f"answered a picture in {time.monotonic() - begun:.1f} s")
        return True

    def _beat(self, stopped: threading.Event) -> None:
        while True:
            self._look()
            worker = Worker(model=self._classifier.name, atlases=tuple(self._searches))
            self.spool.beat(self.name, worker)
            self.spool.sweep()
            if stopped.wait(HEARTBEAT_S):
                return

    def _look(self) -> None:
        """Find atlases that were put there, or built anew, since the last look."""
        there: dict[Path, int] = {}
        for folder in sorted(self._shelf.iterdir()):
            try:
                there[folder] = (folder / "atlas.json").stat().st_mtime_ns
            except OSError:
                continue
        if there == self._seen:
            return
        searches: dict[str, ConceptSearch] = {}
        for folder in there:
            try:
                atlas = Atlas.open(folder)
            except LensError:
                continue
            if explains(atlas, self._classifier):
                known = self._searches.get(atlas.hash)
                searches[atlas.hash] = known or ConceptSearch(self._classifier, atlas)
        self._seen, self._searches = there, searches


def read_picture(data: bytes) -> Image.Image:
    """A picture that the server drew.

    Raises
    ------
    LensError
        If it is no PNG of a sensible size.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            if max(opened.size) > MAX_PX:
                raise LensError("the picture is too large")
            return opened.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise LensError("the picture cannot be read") from error
