"""A study on disk: a folder of plain files that is frozen before anybody takes part.

::

    study.toml        everything that a person may want to read or change (StudyConfig)
    trials.parquet    pool of trial templates: item, condition, stimuli, strengths; no answers
    key.parquet       template and the slot of its right answer
    universe.parquet  every candidate stimulus that was considered, and whether it was drawn
    stimuli/….webp    opaque names, no metadata, equal dimensions, equal size in bytes
    frozen.json       after ``lens study freeze``: checksums of all of it, and their hash
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import tomli_w
from pydantic import ValidationError

from experiments.checks import require_known
from experiments.design import StudyConfig
from experiments.paradigms import Paradigm, get_paradigm
from lens_core.atlas import LensError
from lens_core.atlas.files import (
    canonical_json,
    pretty_json,
    sha256_bytes,
    sha256_file,
    write_atomic,
)

if TYPE_CHECKING:
    from experiments.paradigms.base import Asking
    from experiments.schedule import ScheduledTrial

T = TypeVar("T")

CONFIG = "study.toml"
FROZEN = "frozen.json"
TABLES = ("trials", "key", "universe")
WITHIN = "within"
"""The one cell that participants of a within design are assigned to."""


@dataclass(frozen=True)
class Freeze:
    """``frozen.json``: what the study was when it was frozen.

    ``parts`` holds a hash each of design, stimuli, key, exclusions and analysis plan, so that a
    difference can be named; ``files`` the checksum of every file.
    """

    hash: str
    frozen_at: str
    parts: Mapping[str, str]
    files: Mapping[str, str]


class Study:
    """A study folder, opened.

    Attributes
    ----------
    root : the folder.
    config : what ``study.toml`` says, in the paradigm's own class.
    task : the paradigm.
    freeze : what was frozen, none for a study still being prepared.
    """

    def __init__(self, root: Path, config: StudyConfig, task: Paradigm) -> None:
        self.root = root
        self.config = config
        self.task = task
        self.freeze: Freeze | None = None
        self._memory: dict[str, Any] = {}

    @classmethod
    def open(
        cls, path: str | Path, require_frozen: bool = False, *, though_changed: bool = False
    ) -> Study:
        """Open a study folder and, if it is frozen, check that nothing changed since.

        Parameters
        ----------
        though_changed : do not check, because data that people gave must come out all the same.

        Raises
        ------
        LensError
            If there is no study, its file is not valid, it changed after freezing, or
            ``require_frozen`` is given and it is not frozen.
        """
        root = Path(path)
        config, task = read_config(root)
        study = cls(root, config, task)
        for table in ("trials", "key"):
            if not (root / f"{table}.parquet").is_file():
                raise LensError(f"{root}: {table}.parquet is missing; make the study again")
        if (root / FROZEN).is_file():
            study.freeze = read_freeze(root)
            if not though_changed:
                require_unchanged(root, study.freeze)
        elif require_frozen:
            raise LensError(f"study {root} is not frozen: run 'lens study freeze {root}' first")
        return study

    @property
    def name(self) -> str:
        """Name in addresses and data."""
        return self.config.name

    @property
    def title(self) -> str:
        """Title for people."""
        return self.config.title

    def asking(self, trial: ScheduledTrial) -> Asking:
        """What shows and judges a trial: the paradigm, unless it asks for remarks."""
        from experiments.remarks import REMARK, Remarks

        return Remarks() if trial.phase == REMARK else self.task

    @property
    def paradigm(self) -> str:
        """Name of the human task."""
        return self.config.paradigm

    @property
    def frozen(self) -> bool:
        """Whether the study is frozen (and, having been opened, unchanged)."""
        return self.freeze is not None

    def changes(self) -> tuple[str, ...]:
        """Files that are not, at this moment, what was frozen; nothing if it is not frozen."""
        return () if self.freeze is None else changes_since(self.root, self.freeze)

    @cached_property
    def hash(self) -> str:
        """Hash over every file of the study: ``sha256:`` and 64 hexadecimal digits."""
        return self.freeze.hash if self.freeze else files_hash(checksums(self.root))

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions."""
        return tuple(condition.name for condition in self.config.conditions)

    @property
    def cells(self) -> tuple[str, ...]:
        """What participants are assigned to: a condition, or all of them in a within design."""
        return self.conditions if self.config.design.assignment == "between" else (WITHIN,)

    @cached_property
    def templates(self) -> tuple[dict[str, Any], ...]:
        """Rows of the pool of trials, without answers."""
        return tuple(read_rows(self.root / "trials.parquet"))

    @cached_property
    def key(self) -> dict[str, str]:
        """Template to the slot of its right answer."""
        rows = read_rows(self.root / "key.parquet")
        return {row["template"]: row["correct"] for row in rows}

    @cached_property
    def stimulus_ids(self) -> tuple[str, ...]:
        """Identifiers of all stimuli, sorted."""
        return tuple(sorted(path.stem for path in (self.root / "stimuli").glob("*.webp")))

    @cached_property
    def _stimuli_folder(self) -> str:
        return str(self.root / "stimuli")

    @cached_property
    def _known_stimuli(self) -> frozenset[str]:
        return frozenset(self.stimulus_ids)

    def stimulus_path(self, stimulus: str) -> Path:
        """The picture of a stimulus.

        Raises
        ------
        LensError
            If the study has no such stimulus.
        """
        self._require(stimulus)
        return self.root / "stimuli" / f"{stimulus}.webp"

    def stimulus_bytes(self, stimulus: str) -> bytes:
        """The file of a stimulus, as :meth:`stimulus_path`. A server reads hundreds a second."""
        self._require(stimulus)
        with open(f"{self._stimuli_folder}/{stimulus}.webp", "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()

    def _require(self, stimulus: str) -> None:
        if stimulus not in self._known_stimuli:
            raise LensError(f"study {self.name} has no stimulus {stimulus!r}")

    def remember(self, name: str, make: Callable[[], T]) -> T:
        """A value derived from the study's files, computed once."""
        if name not in self._memory:
            self._memory[name] = make()
        value: T = self._memory[name]
        return value


def read_config(root: Path) -> tuple[StudyConfig, Paradigm]:
    """Read ``study.toml``.

    Raises
    ------
    LensError
        If it is missing, is not TOML, or has a field that the paradigm does not know.
    """
    file = root / CONFIG
    if not file.is_file():
        raise LensError(f"no study at {root}: {CONFIG} is missing; make one with 'lens study new'")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LensError(f"{file} is not valid TOML: {error}") from error
    task = get_paradigm(str(content.get("paradigm", "")))
    try:
        config = task.config_model.model_validate(content)
    except ValidationError as error:
        raise LensError(f"{file}: {first_fault(error)}") from error
    require_known(config)
    return config, task


def first_fault(error: ValidationError) -> str:
    """One line that says which field is wrong and why."""
    faults = error.errors()
    place = ".".join(str(part) for part in faults[0]["loc"]) or "the file"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{place}: {faults[0]['msg']}{more}"


def config_toml(config: StudyConfig) -> bytes:
    """``study.toml`` of a configuration. Fields without a value are left out: TOML has no null."""
    content = config.model_dump(mode="json", exclude_none=True)
    return tomli_w.dumps(content, multiline_strings=True).encode()


def read_rows(file: Path) -> list[dict[str, Any]]:
    """Rows of a Parquet table as dictionaries.

    Raises
    ------
    LensError
        If the file is no such table.
    """
    import pyarrow.parquet as pq

    try:
        rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    except (OSError, ValueError) as error:
        raise LensError(f"{file} cannot be read ({error}); make the study again") from error
    return rows


def checksums(root: Path) -> dict[str, str]:
    """SHA-256 of every file of a study but ``frozen.json``, by relative path, sorted."""
    return {
        path.relative_to(root).as_posix(): sha256_file(path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != FROZEN and not path.name.startswith(".")
    }


def files_hash(files: Mapping[str, str]) -> str:
    """Hash over a list of checksums."""
    return "sha256:" + sha256_bytes(canonical_json(dict(files)))


def part_hashes(config: StudyConfig, files: Mapping[str, str]) -> dict[str, str]:
    """A hash of each part that must not change, so that a difference can be named."""
    content = config.model_dump(mode="json")
    plan: dict[str, tuple[str, ...]] = {
        "design": ("paradigm", "seed", "design", "conditions", "practice", "session")
    }
    plan |= {"exclusions": ("exclusions",), "analysis": ("analysis",)}
    parts = {
        name: files_hash({field: sha256_bytes(canonical_json(content[field])) for field in fields})
        for name, fields in plan.items()
    }
    stimuli = {name: sha for name, sha in files.items() if name.startswith("stimuli/")}
    parts["stimuli"] = files_hash(stimuli | {"trials": files.get("trials.parquet", "")})
    parts["key"] = files_hash({"key": files.get("key.parquet", "")})
    return dict(sorted(parts.items()))


def freeze_study(path: str | Path, now: datetime | None = None) -> Freeze:
    """Freeze a study: from here on a changed byte is an error. Freezing twice changes nothing.

    Raises
    ------
    LensError
        If the study is not valid or changed since it was frozen before.
    """
    study = Study.open(path)
    if study.freeze is not None:
        return study.freeze
    files = checksums(study.root)
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    freeze = Freeze(
        hash=files_hash(files),
        frozen_at=moment.isoformat().replace("+00:00", "Z"),
        parts=part_hashes(study.config, files),
        files=files,
    )
    content = {
        "format": "lens-study",
        "format_version": 1,
        "hash": freeze.hash,
        "frozen_at": freeze.frozen_at,
        "parts": dict(freeze.parts),
        "files": dict(freeze.files),
    }
    write_atomic(study.root / FROZEN, pretty_json(content))
    return freeze


def read_freeze(root: Path) -> Freeze:
    """Read ``frozen.json``.

    Raises
    ------
    LensError
        If it is damaged.
    """
    file = root / FROZEN
    try:
        content = json.loads(file.read_bytes())
        freeze = Freeze(
            hash=str(content["hash"]),
            frozen_at=str(content["frozen_at"]),
            parts={str(name): str(value) for name, value in content["parts"].items()},
            files={str(name): str(value) for name, value in content["files"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LensError(f"{file} is damaged; restore it from a copy of the study") from error
    if files_hash(freeze.files) != freeze.hash:
        raise LensError(f"{file} was edited: its hash does not fit its list of files")
    return freeze


def changes_since(root: Path, freeze: Freeze) -> tuple[str, ...]:
    """Files that differ from what was frozen: changed or missing ones first, then added ones."""
    present = checksums(root)
    changed = [name for name, sha in freeze.files.items() if present.get(name) != sha]
    return (*changed, *(name for name in present if name not in freeze.files))


def require_unchanged(root: Path, freeze: Freeze) -> None:
    """Raise :class:`LensError` naming the first file that differs from what was frozen."""
    changes = changes_since(root, freeze)
    if not changes:
        return
    name = changes[0]
    there = (root / name).is_file()
    verb = "is missing" if not there else "changed" if name in freeze.files else "was added"
    rest = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
    raise LensError(
        f"study {root} is not what was frozen on {freeze.frozen_at}: {name} {verb}{rest}; "
        "restore it, or make a new study under another name"
    )
