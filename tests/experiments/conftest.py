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
def draft(synthetic_atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The same study, not frozen."""
    return make_study(tmp_path_factory.mktemp("drafts") / "d", synthetic_atlas, frozen=False)


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Study], Path]:
    """A folder of one's own that a test may spoil."""

    def copy(study: Study) -> Path:
        return Path(shutil.copytree(study.root, tmp_path / "copy"))

    return copy
