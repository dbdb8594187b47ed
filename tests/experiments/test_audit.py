from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from experiments.audit import audit_study, guessable
from experiments.design import Exclusion
from experiments.paradigms.two_afc import TwoAfc
from experiments.schedule import ScheduledTrial, draw_schedule
from experiments.study import Study, read_rows

CopyOf = Callable[[Study], Path]


def errors(root: Path) -> set[str]:
    return {f.check for f in audit_study(Study.open(root)) if f.level == "error"}


def rewrite(root: Path, table: str, change: Callable[[list[dict[str, Any]]], None]) -> None:
    file = root / f"{table}.parquet"
    rows = read_rows(file)
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows), file)


def test_a_fresh_study_is_sound(draft: Study) -> None:
    findings = audit_study(draft)
    assert [f for f in findings if f.level == "error"] == []
    assert not [f for f in findings if f.check == "seen before"]
    gaps = [f for f in findings if f.check == "activation gap"]
    assert len(gaps) == 2
    assert "exactly zero" in gaps[0].text


def test_swapped_key(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)

    def swap(rows: list[dict[str, Any]]) -> None:
        rows[3]["correct"] = "b" if rows[3]["correct"] == "a" else "a"

    rewrite(root, "key", swap)
    assert errors(root) == {"key"}


def test_missing_answer(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)
    rewrite(root, "key", lambda rows: rows.pop())  # type: ignore[arg-type, return-value]
    assert errors(root) == {"key"}


def test_photograph_twice_in_a_view(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)

    def repeat(rows: list[dict[str, Any]]) -> None:
        rows[0]["sources"][0] = rows[0]["source_a"]

    rewrite(root, "trials", repeat)
    assert errors(root) == {"same photograph"}


def test_picture_asked_about_twice(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)

    def repeat(rows: list[dict[str, Any]]) -> None:
        first, second = (r for r in rows if r["item"] == rows[0]["item"] and r["use"] == "test")
        for column in ("option_a", "option_b", "strength_a", "strength_b"):
            second[column] = first[column]

    rewrite(root, "trials", repeat)
    letters = dict(draft.key) | {"t00001": draft.key["t00000"]}

    def same(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["correct"] = letters[row["template"]]

    rewrite(root, "key", same)
    found = [f for f in audit_study(Study.open(root)) if f.check == "seen before"]
    assert [f.level for f in found] == ["warning"]
    assert "2 of 24 trials ask about a picture of another trial" in found[0].text


def test_pool_that_names_the_answer_first(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)
    key = dict(draft.key)

    def sort_options(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if key[row["template"]] == "b":
                for what in ("option", "source", "strength", "twin"):
                    a, b = row[f"{what}_a"], row[f"{what}_b"]
                    row[f"{what}_a"], row[f"{what}_b"] = b, a

    def all_a(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["correct"] = "a"

    rewrite(root, "trials", sort_options)
    rewrite(root, "key", all_a)
    assert errors(root) == {"order"}


def test_file_size_and_dimensions(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)
    path = root / "stimuli" / f"{draft.stimulus_ids[5]}.webp"
    path.write_bytes(path.read_bytes() + b"\0\0")
    assert errors(root) == {"file size"}
    with Image.open(path) as picture:
        picture.resize((50, 50)).save(path, "WEBP")
    assert errors(root) == {"file size", "dimensions"}


def test_metadata_and_missing_and_unreadable_pictures(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)
    path = root / "stimuli" / f"{draft.stimulus_ids[5]}.webp"
    with Image.open(path) as picture:
        bare = picture.convert("RGB")
    bare.save(path, "WEBP", xmp=b"<x>left</x>")
    assert "metadata" in errors(root)
    path.write_bytes(b"RIFF")
    assert "stimuli" in errors(root)
    path.unlink()
    assert errors(root) == {"stimuli"}


def test_names_that_tell(draft: Study, copy_of: CopyOf) -> None:
    """Strong pictures come first in the alphabet: the audit must notice."""
    root = copy_of(draft)
    key = draft.key
    tests = [row for row in draft.templates if row["use"] == "test"]
    right = {row["option_a" if key[row["template"]] == "a" else "option_b"] for row in tests}
    new = {s: f"{'0' if s in right else 'f'}{s[1:]}" for s in draft.stimulus_ids}
    for old, name in new.items():
        (root / "stimuli" / f"{old}.webp").rename(root / "stimuli" / f"{name}.webp")

    def rename(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for slot in ("option_a", "option_b", "twin_a", "twin_b"):
                row[slot] = new.get(row[slot], "")
            for slot in ("strong", "weak"):
                row[slot] = [new[stimulus] for stimulus in row[slot]]

    rewrite(root, "trials", rename)
    assert errors(root) == {"file names"}
    first = next((root / "stimuli").glob("*.webp"))
    first.rename(first.with_name("left.webp"))
    assert {"file names", "stimuli"} <= errors(root)


def test_unused_items(draft: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published sampling mistake: some units are in the pool and never asked."""
    whole = TwoAfc.schedule

    def forgetful(self: TwoAfc, study: Study, cell: str, seed: int) -> tuple[ScheduledTrial, ...]:
        return tuple(t for t in whole(self, study, cell, seed) if "-3" not in t.item)

    monkeypatch.setattr(TwoAfc, "schedule", forgetful)
    found = [f for f in audit_study(draft) if f.level == "error" and f.check == "items"]
    assert len(found) == 2
    assert "3 of 12 are never asked, e.g. 00000/concepts-3" in found[0].text


@pytest.mark.parametrize(
    ("n_catch", "needed", "noted"),
    [(1, 1.0, True), (2, 0.8, True), (5, 0.8, False), (5, 0.9, True)],
)
def test_a_single_missed_check_is_noted(
    draft: Study, monkeypatch: pytest.MonkeyPatch, n_catch: int, needed: float, noted: bool
) -> None:
    """Recruiters let a lab refuse pay after two missed checks in studies of five minutes."""
    rule = Exclusion(check="catch_accuracy", min=needed)
    draft.config = draft.config.model_copy(update={"exclusions": (rule,)})
    trial = next(t for t in draw_schedule(draft, draft.cells[0], 0) if t.phase == "catch")
    monkeypatch.setattr("experiments.audit.draw_schedule", lambda *_: (trial,) * n_catch)
    found = [f.text for f in audit_study(draft) if f.check == "attention checks"]
    assert bool(found) == noted


def test_unbalanced_sides(draft: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "experiments.paradigms.two_afc.balanced_positions", lambda n, n_options, rng: [0] * n
    )
    assert "sides" in {f.check for f in audit_study(draft) if f.level == "error"}


def test_few_items_and_repeated_trials_warn(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)

    def drop(rows: list[dict[str, Any]]) -> None:
        rows[:] = [row for row in rows if row["class_id"] == 0]

    rewrite(root, "trials", drop)
    left = {row["template"] for row in Study.open(root).templates}

    def forget(rows: list[dict[str, Any]]) -> None:
        rows[:] = [row for row in rows if row["template"] in left]

    rewrite(root, "key", forget)
    warnings = {f.check for f in audit_study(Study.open(root)) if f.level == "warning"}
    assert {"few items", "repeated trials", "stimuli"} <= warnings


def test_guessable_knows_chance() -> None:
    assert guessable("x", [True, False] * 50, "first") == []
    assert guessable("x", [True] * 3, "first") == [], "three trials prove nothing"
    assert guessable("x", [True] * 30, "first")[0].level == "error"
    assert guessable("x", [False] * 30, "first")[0].level == "error"
    assert guessable("x", [], "first") == []
