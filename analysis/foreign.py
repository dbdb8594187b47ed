"""How files of other tools look: which of their columns hold what, and what has to be changed.

A new tool is one :class:`Shape` and one line in :data:`SHAPES`.

Sources: the tools' documentation of their output: jsPsych 7 and 8 (plugin data), Gorilla's task
data, PsyNet's exported trial tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

WANTED = (
    "participant",
    "condition",
    "session",
    "block",
    "phase",
    "trial",
    "item",
    "n_options",
    "response",
    "correct_response",
    "correct",
    "rt_ms",
    "confidence",
)
"""Our columns that are looked for, in the order in which they choose."""
PRACTICE, TRAINING, CATCH, TEST = "practice", "training", "catch", "test"
PHASE_WORDS: Mapping[str, str] = {
    "practice": PRACTICE,
    "practise": PRACTICE,
    "warmup": PRACTICE,
    "training": TRAINING,
    "train": TRAINING,
    "learning": TRAINING,
    "catch": CATCH,
    "attention": CATCH,
    "attentioncheck": CATCH,
    "test": TEST,
    "main": TEST,
    "experiment": TEST,
    "trial": TEST,
}
Prepare = Callable[[pd.DataFrame, list[str]], pd.DataFrame]


@dataclass(frozen=True)
class Shape:
    """A tool's file.

    Attributes
    ----------
    marks : columns that only this tool writes, by which it is recognised if ``enough`` are there.
    columns : ours → theirs, the best name first; capitals and separators do not matter.
    unpack : columns of JSON objects whose values become columns before names are mapped.
    prepare : what is changed once columns have our names; says so in notes.
    """

    name: str
    marks: tuple[str, ...]
    enough: int
    columns: Mapping[str, tuple[str, ...]]
    prepare: Prepare
    unpack: tuple[str, ...] = ()


def _jspsych(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Rows of instructions, fixations and the like hold no answer."""
    return _participant_parts(_phases(_answers(frame, notes), notes), notes)


def _answers(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    told = [name for name in ("correct", "correct_response") if name in frame]
    if not told:
        return frame
    asked = frame[told].notna().any(axis=1)
    if (~asked).any():
        notes.append(
            f"{int((~asked).sum())} rows hold no question that can be right or wrong "
            "(instructions, fixations) and are set aside."
        )
    return frame[asked]


def _participant_parts(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    if "participant" not in frame and "file_part" in frame:
        notes.append("Nothing names the participants; each list of the file counts as one person.")
        return frame.assign(participant=frame["file_part"].map("list-{}".format))
    return frame


def _gorilla(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """One row a response; a last row "END OF FILE", screens without an answer."""
    ended = (frame.astype("string") == "END OF FILE").any(axis=1).fillna(False)
    if ended.any():
        notes.append(f"{int(ended.sum())} rows mark the end of the file and are set aside.")
    rows = frame[~ended]
    if "Zone Type" in rows:
        answers = rows["Zone Type"].astype("string").str.startswith("response").fillna(False)
        if answers.any() and not answers.all():
            notes.append(
                f"{int((~answers).sum())} rows of zones that take no response are set aside."
            )
            rows = rows[answers]
    return _phases(_answers(rows, notes), notes)


def _psynet(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Answers and definitions are JSON; failed trials are marked, times are seconds."""
    rows = frame
    if "failed" in rows:
        failed = rows["failed"].astype("string").str.lower().isin(["true", "1", "t"])
        if failed.any():
            notes.append(f"{int(failed.sum())} trials that the tool marks as failed are set aside.")
            rows = rows[~failed]
    if "rt_ms" in rows:
        seconds = pd.to_numeric(rows["rt_ms"], errors="coerce")
        rows = rows.assign(rt_ms=1000 * seconds)
        notes.append("Times were given in seconds and are now in milliseconds.")
    return _phases(rows, notes)


def unpacked(frame: pd.DataFrame, column: str, notes: list[str]) -> pd.DataFrame:
    """Plain values of a column of JSON objects become columns, where there are none yet."""
    objects = [_object(cell) for cell in frame[column]]
    names = sorted({name for one in objects for name in one} - set(frame.columns))
    plain = {
        name: [one.get(name) for one in objects]
        for name in names
        if not any(isinstance(one.get(name), (dict, list)) for one in objects)
    }
    if not plain:
        return frame
    notes.append(f"From {column!r} came the columns {', '.join(plain)}.")
    return pd.concat([frame, pd.DataFrame(plain, index=frame.index)], axis=1)


def _object(cell: object) -> dict[str, object]:
    try:
        found = json.loads(str(cell).replace("'", '"'))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _phases(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Other words for practice, training, catch and test."""
    if "phase" not in frame:
        return frame
    words = frame["phase"].astype("string").str.lower().str.replace(r"[^a-z]", "", regex=True)
    ours = words.map(PHASE_WORDS)
    told = {
        str(theirs): str(found)
        for theirs, found in zip(frame["phase"], ours, strict=True)
        if pd.notna(found) and str(theirs) != str(found)
    }
    if told:
        read = ", ".join(f"{theirs!r} as {found}" for theirs, found in told.items())
        notes.append(f"Phases were read: {read}.")
    return frame.assign(phase=ours.fillna(frame["phase"].astype("string")))


SHAPES: Mapping[str, Shape] = {
    "jspsych": Shape(
        "jspsych",
        ("trial_type", "trial_index", "time_elapsed", "internal_node_id", "plugin_version"),
        2,
        {
            "participant": (
                "participant_id", "subject", "subject_id", "PROLIFIC_PID", "prolific_id",
                "workerId", "worker_id", "user_id", "run_id",
            ),
            "condition": ("condition_name", "group"),
            "phase": ("task", "trial_part", "screen", "part"),
            "trial": ("trial_number", "trial_index"),
            "item": ("stimulus_id", "item_id", "stim", "stimulus"),
            "response": ("button_pressed", "key_press"),
            "correct_response": ("correct_answer", "correct_key", "answer"),
            "correct": ("accuracy", "is_correct"),
            "rt_ms": ("rt", "response_time"),
            "confidence": ("confidence_rating",),
        },
        _jspsych,
    ),
    "gorilla": Shape(
        "gorilla",
        (
            "Participant Private ID", "Participant Public ID", "Event Index", "Zone Type",
            "Screen Name", "Spreadsheet", "UTC Timestamp", "Local Timestamp",
        ),
        2,
        {
            "participant": ("Participant Private ID", "Participant Public ID"),
            "condition": ("randomiser", "branch", "Group"),
            "session": ("Repeat Key",),
            "phase": ("display", "Task Name"),
            "trial": ("Trial Number", "Spreadsheet Row"),
            "item": ("Stimulus", "Item", "Image", "stimulus1"),
            "response": ("Response",),
            "correct_response": ("ANSWER", "Correct Answer"),
            "correct": ("Correct",),
            "rt_ms": ("Reaction Time", "Reaction Onset"),
        },
        _gorilla,
    ),
    "psynet": Shape(
        "psynet",
        ("trial_maker_id", "participant_id", "network_id", "node_id", "definition", "degree"),
        3,
        {
            "participant": ("participant_id", "worker_id"),
            "condition": ("participant_group", "group"),
            "block": ("block",),
            "phase": ("phase",),
            "trial": ("position", "trial_position"),
            "item": ("stimulus_id", "node_id", "network_id"),
            "response": ("answer",),
            "correct_response": ("correct_answer",),
            "correct": ("is_correct", "score"),
            "rt_ms": ("time_taken", "response_time"),
        },
        _psynet,
        ("definition",),
    ),
}  # fmt: skip
