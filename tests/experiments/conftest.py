"""Studies shared by the tests of this package; read-only."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.study import Study
from lens_core.atlas import Atlas
from tests.support.studies import make_study


@pytest.fixture(scope="session")
def study(synthetic_atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A frozen study."""
    return make_study(tmp_path_factory.mktemp("studies") / "insects", synthetic_atlas)


@pytest.fixture(scope="session")
def draft_folder(synthetic_atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same study, not frozen."""
    folder = tmp_path_factory.mktemp("drafts") / "d"
    return make_study(folder, synthetic_atlas, frozen=False).root


@pytest.fixture
def draft(draft_folder: Path) -> Study:
    """The same study, not frozen; opened for each test, which may change what it holds."""
    return Study.open(draft_folder)


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Study], Path]:
    """A folder of one's own that a test may spoil."""

    def copy(study: Study) -> Path:
        return Path(shutil.copytree(study.root, tmp_path / "copy"))

    return copy
