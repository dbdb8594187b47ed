"""A published study is the frozen one, whole, and stays what it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import func, select

from experiments.study import Study, freeze_study
from lens_core.atlas import Atlas, LensError
from tests.support.studies import make_study
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.models import StudyRecord
from webapp.services import publishing


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_publishing_copies_the_study_whole(
    database: Database, config: ServerConfig, study: Study
) -> None:
    _, outcome = publishing.publish(database, config, study.root, actor="test")
    assert outcome == "published"
    assert files(config.study_dir(study.name)) == files(study.root)
    with database.read() as db:
        record = db.scalars(select(StudyRecord)).one()
    assert (record.name, record.hash, record.state) == (study.name, study.hash, "open")
    _, again = publishing.publish(database, config, study.root, actor="test")
    assert again == "unchanged"
    with database.read() as db:
        assert db.scalars(select(func.count(StudyRecord.id))).one() == 1


def test_a_lost_folder_is_put_back(database: Database, config: ServerConfig, study: Study) -> None:
    publishing.publish(database, config, study.root, actor="test")
    shutil.rmtree(config.study_dir(study.name))
    publishing.publish(database, config, study.root, actor="test")
    assert config.study_dir(study.name).is_dir()


def test_killed_between_folder_and_record(
    database: Database, config: ServerConfig, study: Study
) -> None:
    shutil.copytree(study.root, config.study_dir(study.name))
    _, outcome = publishing.publish(database, config, study.root, actor="test")
    assert outcome == "published"


def test_another_study_of_the_same_name_is_refused(
    database: Database, config: ServerConfig, study: Study, tmp_path: Path
) -> None:
    publishing.publish(database, config, study.root, actor="test")
    before = files(config.study_dir(study.name))
    changed = tmp_path / "changed"
    shutil.copytree(study.root, changed)
    (changed / "frozen.json").unlink()
    text = (changed / "study.toml").read_text()
    (changed / "study.toml").write_text(text.replace("Synthetic insects", "Other insects"))
    freeze_study(changed)
    with pytest.raises(LensError, match="another hash"):
        publishing.publish(database, config, changed, actor="test")
    assert files(config.study_dir(study.name)) == before


def test_what_is_not_frozen_or_changed_since_is_refused(
    database: Database, config: ServerConfig, synthetic_atlas: Atlas, tmp_path: Path
) -> None:
    draft = make_study(tmp_path / "draft", synthetic_atlas, frozen=False)
    with pytest.raises(LensError, match="not frozen"):
        publishing.publish(database, config, draft.root, actor="test")
    freeze_study(draft.root)
    with (draft.root / "key.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(LensError, match="changed"):
        publishing.publish(database, config, draft.root, actor="test")
    assert not config.studies_dir.exists()


def test_a_broken_off_copy_leaves_nothing(
    database: Database, config: ServerConfig, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path, **_: object) -> None:
        target.mkdir(parents=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(LensError, match="no space"):
        publishing.publish(database, config, study.root, actor="test")
    assert list(config.studies_dir.iterdir()) == []
