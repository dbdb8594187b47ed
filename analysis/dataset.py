"""A data set: an exported folder, or frames from anywhere with their columns renamed to ours."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.cleaning import Cleaned, clean_participants, clean_trials
from analysis.columns import renamed
from analysis.errors import AnalysisError
from analysis.plan import Plan, read_plan
from analysis.progress import Track, no_track

MANIFEST = "manifest.json"
KNOWN_FORMAT_VERSION = 1
TABLES = ("participants", "trials", "events")
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Dataset:
    """Tables with the columns of :mod:`experiments.records`, checked and typed.

    Attributes
    ----------
    name, title, paradigm : of the study, as far as known.
    study_hash : hash of the frozen study, empty if unknown.
    trials, participants, events : tidy frames; ``trials`` has every row that was read.
    plan : the declared analysis.
    notes : what had to be assumed or repaired, in words.
    rows_read : trial rows read, repeated ones included.
    repeated : trial rows that repeat another and are set aside.
    simulated : every participant comes from a simulated observer.
    """

    name: str
    trials: pd.DataFrame
    participants: pd.DataFrame
    events: pd.DataFrame
    plan: Plan = field(default_factory=Plan)
    title: str = ""
    paradigm: str = ""
    study_hash: str = ""
    notes: tuple[str, ...] = ()
    rows_read: int = 0
    repeated: int = 0
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        """Whether the data say of everybody that they are simulated."""
        if "source" not in self.participants or self.participants.empty:
            return False
        return bool(
            self.participants["source"].astype("string").str.startswith("simul").fillna(False).all()
        )


def read_dataset(path: str | Path, track: Track = no_track) -> Dataset:
    """Read an exported folder after checking every file against its manifest.

    Raises
    ------
    AnalysisError
        If the folder is no data set, or a file is missing, changed or cut short.
    """
    root = Path(path)
    manifest = _read_manifest(root)
    files: dict[str, Any] = manifest["files"]
    for name, entry in track(files.items(), "checking files", len(files)):
        _check_file(root, name, entry)
    config = _read_study(root) if "study.toml" in files else {}
    frames = {what: _read_table(root, what, files) for what in TABLES}
    if frames["trials"] is None:
        raise AnalysisError(f"{root / MANIFEST} lists no table of trials; export the study again")
    dataset = from_frames(
        frames["trials"],
        participants=frames["participants"],
        events=frames["events"],
        plan=_plan(config, manifest, root),
        name=str(manifest.get("study") or config.get("name") or root.name),
    )
    return replace(
        dataset,
        title=str(config.get("title", "")),
        paradigm=str(config.get("paradigm", "")),
        study_hash=str(manifest.get("study_hash", "")),
        files={name: str(entry["sha256"]) for name, entry in sorted(files.items())},
        notes=dataset.notes + _not_frozen(manifest),
    )


def from_frames(
    trials: pd.DataFrame,
    *,
    participants: pd.DataFrame | None = None,
    events: pd.DataFrame | None = None,
    columns: Mapping[str, str] | None = None,
    plan: Plan | None = None,
    name: str = "data",
) -> Dataset:
    """A data set from frames of any origin.

    Parameters
    ----------
    trials : one row an answer.
    participants, events : optional; participants are read off the trials without.
    columns : our column name → the frame's own, for those that differ.
    plan : declared analysis; without one everything is exploratory.

    Raises
    ------
    AnalysisError
        If a mapped column does not exist, or there is neither ``correct`` nor both ``response``
        and ``correct_response``, or no ``participant``.

    Examples
    --------
    >>> frame = pd.DataFrame({"who": ["a", "a", "b"], "right": [1, 0, 1]})
    >>> data = from_frames(frame, columns={"participant": "who", "correct": "right"})
    >>> data.trials["correct"].tolist()
    [1.0, 0.0, 1.0]
    """
    cleaned: Cleaned = clean_trials(renamed(trials, columns or {}))
    people, people_notes = clean_participants(participants, cleaned.trials)
    return Dataset(
        name=name,
        trials=cleaned.trials,
        participants=people,
        events=pd.DataFrame() if events is None else events,
        plan=plan or Plan(),
        notes=cleaned.notes + people_notes,
        rows_read=len(trials),
        repeated=cleaned.repeated,
    )


def _read_manifest(root: Path) -> dict[str, Any]:
    file = root / MANIFEST
    if not root.is_dir():
        raise AnalysisError(f"{root} is no folder: give the folder that 'lens study export' wrote")
    if not file.is_file():
        raise AnalysisError(
            f"{root} holds no {MANIFEST}: give the folder that 'lens study export' or "
            "'lens study simulate' wrote"
        )
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        entries = manifest["files"].items()
        for _, entry in entries:
            str(entry["sha256"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AnalysisError(f"{file} is damaged; export the study again") from None
    version = manifest.get("format_version", KNOWN_FORMAT_VERSION)
    if version != KNOWN_FORMAT_VERSION:
        raise AnalysisError(
            f"{file} has format version {version}, this program reads {KNOWN_FORMAT_VERSION}; "
            "use the program version that wrote it"
        )
    return dict(manifest)


def _check_file(root: Path, name: str, entry: Mapping[str, Any]) -> None:
    file = root / name
    if not file.resolve().is_relative_to(root.resolve()):
        raise AnalysisError(f"{root / MANIFEST} lists {name!r}, which lies outside the data set")
    if not file.is_file():
        raise AnalysisError(f"{file} is missing; copy the data set again")
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != str(entry["sha256"]).removeprefix("sha256:"):
        raise AnalysisError(
            f"{file} changed since it was exported (its checksum differs); copy the data set "
            "again, and keep edited copies elsewhere"
        )


def _read_study(root: Path) -> dict[str, Any]:
    file = root / "study.toml"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AnalysisError(f"{file} cannot be read ({error}); copy the data set again") from None


def _read_table(root: Path, what: str, files: Mapping[str, Any]) -> pd.DataFrame | None:
    """A table, from Parquet if there is one, with its row count checked."""
    for suffix in (".parquet", ".csv"):
        names = [n for n in files if n.startswith("data/") and n.endswith(f"{what}_data{suffix}")]
        if not names:
            continue
        file = root / names[0]
        try:
            frame = pd.read_parquet(file) if suffix == ".parquet" else _read_csv(file)
        except Exception as error:  # the parsers raise many kinds
            raise AnalysisError(
                f"{file} cannot be read ({type(error).__name__}); copy it again"
            ) from error
        expected = files[names[0]].get("rows")
        if expected is not None and expected != len(frame):
            raise AnalysisError(
                f"{file} has {len(frame)} rows, the manifest says {expected}; export again"
            )
        return frame
    return None


def _read_csv(file: Path) -> pd.DataFrame:
    """A table from CSV; the apostrophe that keeps spreadsheets from running a cell is taken off."""
    frame = pd.read_csv(file, keep_default_na=False, na_values=[""], dtype={"participant": str})
    for name in frame.select_dtypes(include=["object", "string"]).columns:
        frame[name] = frame[name].str.replace(r"^'(?=\s*[=+\-@\t\r\n|%])", "", regex=True)
    return frame


def _plan(config: Mapping[str, Any], manifest: Mapping[str, Any], root: Path) -> Plan:
    """The declared plan; what was not frozen, or changed since, was not declared."""
    plan = read_plan(config, str(root / "study.toml"))
    stands = manifest.get("frozen") is not False and not manifest.get("study_changed")
    return plan if stands else replace(plan, declared=False)


def _not_frozen(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    if manifest.get("frozen") is False:
        return (
            "The study was not frozen when these data were made: its analysis plan could still "
            "change, so nothing counts as confirmatory.",
        )
    changed = manifest.get("study_changed")
    if changed:
        return (
            f"The study is not what was frozen any more ({', '.join(map(str, changed[:3]))} "
            "changed), so nothing counts as confirmatory.",
        )
    return ()
