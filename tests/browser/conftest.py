"""Fixtures of the browser tests: a study, a server that can be broken, a person."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.study import Study
from lens_core.atlas import Atlas
from tests.browser.explorers import serving_atlases
from tests.browser.live import LiveServer, make_study
from tests.support.atlases import make_atlas
from tests.support.templates import compiled_once

BUNDLE = Path(__file__).parents[2] / "webapp" / "static" / "dist" / "participant.js"


@pytest.fixture(scope="session", autouse=True)
def templates() -> Iterator[None]:
    """Every test makes a server; what their pages are compiled to is the same."""
    with compiled_once():
        yield


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A frozen study of one practice trial, four trials and a catch trial in two blocks; read-only.

    Tests that run side by side share it: the first one that wants it makes it.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "browser.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "browser" / "study" / "frozen.json").exists():
            make_atlas(folder / "browser" / "atlas", n_images=60)
            make_study(folder / "browser" / "study", folder / "browser" / "atlas")
    return Study.open(folder / "browser" / "study", require_frozen=True)


@pytest.fixture
def server(small_study: Study, tmp_path: Path) -> Iterator[LiveServer]:
    """A server of its own for each test."""
    running = LiveServer(tmp_path / "server", small_study)
    yield running
    running.stop()


@pytest.fixture
def new_visitor(chromium: Any, server: LiveServer) -> Iterator[Callable[..., Any]]:
    """Makes people, each at a browser without cookies; checks that no page had an error."""
    from tests.browser.visitor import Visitor

    assert BUNDLE.is_file(), "the browser code is not bundled: pip install -e . does it"
    people: list[Visitor] = []

    def make(**context: Any) -> Visitor:
        settings = {"viewport": {"width": 1200, "height": 800}, **context}
        people.append(Visitor(server, chromium.new_context(**settings)))
        return people[-1]

    yield make
    for person in people:
        person.context.close()
    assert [error for person in people for error in person.errors] == []


@pytest.fixture
def visitor(new_visitor: Callable[..., Any]) -> Any:
    """One person who has not come yet."""
    return new_visitor()


@pytest.fixture(scope="session")
def explorer(synthetic_atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one explorer for all tests, with three atlases.

    ``atlas/synthetic/`` is that of the other tests; ``atlas/whole/`` has everything that an atlas
    can have, and people were asked about it; ``atlas/shared/`` has one dictionary for all classes.
    """
    from tests.support.shared_atlases import make_shared_atlas
    from tests.webapp.test_explorer_people import put, sidecar

    folder = tmp_path_factory.mktemp("explorer")
    whole = make_atlas(folder / "whole", n_images=12, divided=True, attributed=True)
    shared = make_shared_atlas(folder / "shared")
    put(folder / "sidecars", sidecar(whole.hash))
    roots = [synthetic_atlas.root, whole.root, shared.root]
    with serving_atlases(roots, folder / "sidecars") as address:
        yield address
