"""Fixtures for all tests: a synthetic atlas, Chromium, PostgreSQL.

What is not installed is skipped with the reason; with ``LENS_CI=1`` a skip of these is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator

import pytest

# Several processes with all cores' threads each would wait for one another.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

from lens_core.atlas import Atlas
from tests.support.atlases import make_atlas
from tests.support.postgres import postgres_cluster, postgres_programs

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]


def absent(reason: str) -> None:
    """Skip, or fail where everything is meant to be installed."""
    if os.environ.get("LENS_CI") == "1":
        pytest.fail(f"{reason} (skips of these are failures in CI)")
    pytest.skip(reason)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores: many tests wait, for a browser, a database or a program."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with most slow tests first, so that in the end no process is left alone with one."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def synthetic_atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """Three made-up classes of 24 images; read-only, shared by all tests."""
    return make_atlas(tmp_path_factory.mktemp("atlas") / "synthetic")


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A running headless Chromium (``playwright.sync_api.Browser``)."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    binary = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if binary is None:
        absent("Chromium is not installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=binary, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL server, without a database name.

    ``LENS_TEST_POSTGRES`` names a running one; otherwise a throw-away cluster is started, as user
    ``postgres`` where the tests run as root.
    """
    given = os.environ.get("LENS_TEST_POSTGRES")
    if given:
        yield given.rstrip("/")
        return
    programs = postgres_programs()
    if programs is None:
        absent("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        return
    with postgres_cluster(programs) as url:
        yield url
