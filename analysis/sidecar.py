"""The sidecar: what people made of an atlas's concepts, as a file that the explorer shows.

The atlas itself never changes. A sidecar is one JSON file, keyed by the atlas's hash::

    {"format": "lens-sidecar", "format_version": 1,
     "study": "leaves-basis", "study_hash": "sha256:…", "title": "…", "paradigm": "two_afc",
     "simulated": false, "chance": 0.5, "level": 0.95,
     "concepts": [{"atlas_hash", "class_id", "concept_id", "score", "n", "n_participants",
                   "low", "high"}],
     "names": [{"atlas_hash", "class_id", "concept_id", "name", "agreement", "n"}]}

``score`` is the share of right answers with its interval ``low`` to ``high`` (null where there is
none), ``n`` counts answers; of a name, ``n`` counts the people who gave one and ``agreement`` is
the share of them who gave this one. ``chance`` is null where trials differ in it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.concepts import KEYS, concept_names
from analysis.contents import plain
from analysis.dataset import Dataset
from analysis.errors import AnalysisError
from analysis.results import Analysis

FORMAT, FORMAT_VERSION = "lens-sidecar", 1
FILE = "sidecar.json"
SCORES = ("score", "n", "n_participants", "low", "high")


def sidecar_content(analysis: Analysis, data: Dataset) -> dict[str, Any]:
    """What a sidecar says of an analysed data set; its lists are empty if it names no concepts."""
    included = analysis.exclusions.included
    trials = data.trials[data.trials["phase"] == "test"]
    trials = trials[trials["participant"].isin(included)]
    test = analysis.test
    options = test["n_options"].dropna().unique().tolist() if "n_options" in test else []
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "study": data.name,
        "study_hash": data.study_hash,
        "title": data.title,
        "paradigm": data.paradigm,
        "simulated": data.simulated,
        "chance": 1 / float(options[0]) if len(options) == 1 and options[0] else None,
        "level": data.plan.level,
        "concepts": _scored(analysis.concepts),
        "names": concept_names(trials, data.paradigm),
    }
    found: dict[str, Any] = plain(content)
    return found


def _scored(concepts: pd.DataFrame) -> pd.DataFrame:
    return concepts[[*KEYS, *SCORES]]


def says_something(content: dict[str, Any]) -> bool:
    """Whether there is a score or a name in it."""
    return bool(content["concepts"] or content["names"])


def sidecar_text(content: dict[str, Any]) -> str:
    """As it is written."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def sidecar_name(content: dict[str, Any]) -> str:
    """File name in a folder of sidecars: another analysis of the same frozen study replaces it."""
    study = re.sub(r"[^a-z0-9-]+", "-", str(content["study"]).lower()).strip("-") or "study"
    short = str(content["study_hash"]).rpartition(":")[2][:10]
    rehearsal = "-simulated" if content["simulated"] else ""
    return f"{study}{f'-{short}' if short else ''}{rehearsal}.json"


def write_sidecar(content: dict[str, Any], folder: Path) -> Path:
    """Put a sidecar into a folder, whole or not at all.

    Raises
    ------
    AnalysisError
        If it cannot be written.
    """
    target = folder / sidecar_name(content)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_text(sidecar_text(content), encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise AnalysisError(
            f"cannot write {target}: {error.strerror or error}; choose another --sidecar-dir"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target
