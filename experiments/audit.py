"""``lens study check``: is anything wrong with the design before a person is paid?

A published study used 80 of its 84 units by a sampling mistake that nobody saw. So schedules are
drawn as participants would get them, and everything besides the pixels that could tell an answer
is looked at.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from experiments.audit_universe import unasked_units
from experiments.schedule import ScheduledTrial, draw_schedule

if TYPE_CHECKING:
    from experiments.study import Study

Level = Literal["error", "warning", "note"]
OPAQUE = re.compile(r"^[0-9a-f]{16}$")
N_SCHEDULES = 60
"""Participants drawn for each cell. An item that none of them sees is as good as unused."""

FEW_ITEMS = 10
"""Fewer items a condition leave the test of their effect short of degrees of freedom."""

MISSED_CHECKS = 2
"""Attention checks that somebody must miss before recruiters let a lab refuse pay, in studies of
five minutes or more (Prolific's policy on attention checks)."""

SURE = 4.0
"""Standard errors beyond which an imbalance is no chance."""


@dataclass(frozen=True)
class Finding:
    """What an audit found: errors refuse a study, warnings and notes inform."""

    level: Level
    check: str
    text: str


def audit_study(study: Study) -> list[Finding]:
    """All findings, errors first."""
    pixels: dict[str, bytes] = {}
    findings = [*_key(study), *_conditions(study), *_stimuli(study, pixels)]
    if not any(finding.level == "error" for finding in findings):
        schedules = {
            cell: [draw_schedule(study, cell, seed) for seed in range(N_SCHEDULES)]
            for cell in study.cells
        }
        findings += [*_universe(study), *_items(study, schedules), *_views(schedules, pixels)]
        findings += [*_repeated(schedules), *_query_names(schedules), *_condition_names(study)]
        if study.task.option_order == "trial":
            findings += [*_sides(schedules), *_names(schedules)]
        findings += [*_attention(study, schedules), *_pay(study), *study.task.audit(study)]
    findings += [Finding("note", "stimuli drawn", note) for note in study.config.source.notes]
    order = ("error", "warning", "note")
    return sorted(findings, key=lambda finding: order.index(finding.level))


def _key(study: Study) -> list[Finding]:
    names = [str(row["template"]) for row in study.templates]
    missing = sorted(set(names) - set(study.key))
    spare = sorted(set(study.key) - set(names))
    findings = []
    if len(set(names)) < len(names):
        findings.append(Finding("error", "key", "two trials of the pool have the same name"))
    if missing:
        findings.append(Finding("error", "key", f"no answer for trial {missing[0]}"))
    if spare:
        findings.append(Finding("error", "key", f"an answer for trial {spare[0]}, which is none"))
    return findings


def _conditions(study: Study) -> list[Finding]:
    """Every condition of the study file is one of the pool of trials."""
    there = {row["condition"] for row in study.templates if row["use"] == "test"}
    return [
        Finding("error", "trials", f"{condition} has no test trial")
        for condition in study.conditions
        if condition not in there
    ]


def _pay(study: Study) -> list[Finding]:
    """Whether people read what they are paid before they agree."""
    if study.config.completion.reward:
        return []
    published = study.task.published_pay
    paid = f"; the source paid {published} a person" if published else ""
    text = f"completion.reward is empty, so the consent form names no pay{paid}"
    return [Finding("note", "pay", text)]


def _stimuli(study: Study, pixels: dict[str, bytes]) -> list[Finding]:
    """Every stimulus is there, and nothing but its pixels tells it from the others.

    Parameters
    ----------
    pixels : filled with a digest of the pixels of every stimulus that can be decoded.
    """
    used = {s for row in study.templates for s in study.task.stimuli_of(row)}
    there = set(study.stimulus_ids)
    findings = []
    if used - there:
        text = f"{len(used - there)} are missing, e.g. stimuli/{min(used - there)}.webp"
        findings.append(Finding("error", "stimuli", text))
    if there - used:
        text = f"{len(there - used)} are in no trial, e.g. {min(there - used)}"
        findings.append(Finding("warning", "stimuli", text))
    named = sorted(stimulus for stimulus in there if not OPAQUE.match(stimulus))
    if named:
        findings.append(Finding("error", "file names", f"{named[0]}.webp is not an opaque name"))
    sizes: Counter[int] = Counter()
    shapes: Counter[tuple[int, int]] = Counter()
    for stimulus in sorted(there):
        path = study.stimulus_path(stimulus)
        sizes[path.stat().st_size] += 1
        try:
            with Image.open(path) as picture:
                picture.load()
                shapes[picture.size] += 1
                pixels[stimulus] = hashlib.sha256(picture.convert("RGB").tobytes()).digest()
                telling = sorted(set(picture.info) & {"exif", "xmp", "icc_profile"})
        except (OSError, UnidentifiedImageError):
            findings.append(Finding("error", "stimuli", f"{path.name} cannot be decoded"))
            continue
        if telling:
            findings.append(Finding("error", "metadata", f"{path.name} carries {telling[0]}"))
    if len(sizes) > 1:
        text = f"files have {len(sizes)} different sizes in bytes, so size may tell the answer"
        findings.append(Finding("error", "file size", text))
    if len(shapes) > 1:
        text = f"pictures have {len(shapes)} different dimensions"
        findings.append(Finding("error", "dimensions", text))
    return findings


Schedules = dict[str, list[tuple[ScheduledTrial, ...]]]


def _universe(study: Study) -> list[Finding]:
    """Every unit that could be asked about has a test trial, or a note says why it has none."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for condition, item in unasked_units(study):
        found[condition].append(item)
    return [
        Finding(
            "error",
            "items",
            f"{condition + ': ' * bool(condition)}{len(items)} of the recorded universe "
            f"{'is' if len(items) == 1 else 'are'} in no test trial, e.g. {items[0]}",
        )
        for condition, items in found.items()
    ]


def _items(study: Study, schedules: Schedules) -> list[Finding]:
    """Every item is asked about, and about equally often."""
    findings = []
    pool: defaultdict[str, set[str]] = defaultdict(set)
    for row in study.templates:
        if row["use"] == "test":
            pool[row["condition"]].add(row["item"])
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    most_by_one: Counter[str] = Counter()
    for drawn in schedules.values():
        for schedule in drawn:
            own = Counter((t.condition, t.item) for t in schedule if t.phase == "test")
            for (condition, item), times in own.items():
                seen[condition][item] += times
                most_by_one[condition] = max(most_by_one[condition], times)
    for condition in study.conditions:
        items, counts = pool[condition], seen[condition]
        unused = sorted(items - set(counts))
        if unused:
            text = f"{condition}: {len(unused)} of {len(items)} are never asked, e.g. {unused[0]}"
            findings.append(Finding("error", "items", text))
        elif counts:
            least, most = min(counts.values()), max(counts.values())
            # Participants who see only some items get them at random, so counts may scatter, the
            # more the oftener one of them is asked about the same.
            if most - least > max(N_SCHEDULES, SURE * 2 * math.sqrt(most * most_by_one[condition])):
                text = f"{condition}: one is asked {most} times while another is asked {least}"
                findings.append(Finding("error", "items", text))
        if len(items) < FEW_ITEMS:
            text = f"{condition} has {len(items)}; below {FEW_ITEMS} its effect is poorly tested"
            findings.append(Finding("warning", "few items", text))
    return findings


def _attention(study: Study, schedules: Schedules) -> list[Finding]:
    """Whether a single missed catch trial already excludes somebody."""
    needed = max((e.min or 0.0 for e in study.config.exclusions if e.check == "catch_accuracy"),
                 default=0.0)  # fmt: skip
    n_catch = min(
        (sum(t.phase == "catch" for t in drawn[0]) for drawn in schedules.values()), default=0
    )
    missed = next((k for k in range(1, n_catch + 1) if (n_catch - k) / n_catch < needed), None)
    if missed is None or missed >= MISSED_CHECKS:
        return []
    text = (
        f"one missed catch trial of {n_catch} excludes from the analysis; in studies of five "
        f"minutes or more recruiters let pay be refused after {MISSED_CHECKS} alone, so pay those "
        "who missed one"
    )
    return [Finding("note", "attention checks", text)]


def _views(schedules: Schedules, pixels: Mapping[str, bytes]) -> list[Finding]:
    """No picture twice on one screen, whatever it is called; catch trials repeat one on purpose."""
    for drawn in schedules.values():
        for schedule in drawn:
            for trial in schedule:
                if trial.phase not in ("training", "test"):
                    continue
                shown = [pixels[s] for group in trial.stimuli.values() for s in group]
                if len(set(shown)) < len(shown):
                    text = f"a trial about {trial.item} shows a picture twice in one view"
                    return [Finding("error", "same photograph", text)]
    return []


def _repeated(schedules: Schedules) -> list[Finding]:
    """Nobody is asked the same question twice: who remembers the first answers the second."""
    most: dict[str, int] = {}
    for drawn in schedules.values():
        for schedule in drawn:
            asked = Counter(
                (t.condition, t.item, *sorted(s for group in t.stimuli.values() for s in group))
                for t in schedule
                if t.phase == "test"
            )
            for (condition, *_), times in asked.items():
                most[condition] = max(most.get(condition, 0), times)
    return [
        Finding(
            "warning",
            "repeated trials",
            f"{condition}: a person is asked the very same up to {times} times; ask fewer trials "
            "or make more of each item",
        )
        for condition, times in most.items()
        if times > 1
    ]


def _query_names(schedules: Schedules) -> list[Finding]:
    """Nor does the name of the picture that is asked about say which answer is right."""
    right: dict[str, str] = {}
    for drawn in schedules.values():
        for schedule in drawn:
            for trial in schedule:
                if trial.phase == "test" and trial.right is not None and "query" in trial.stimuli:
                    right[trial.stimuli["query"][0]] = trial.option_order[trial.right]
    answers = sorted(set(right.values()))
    if len(answers) != 2:
        return []  # options of each trial have names of their own
    if not _apart({name for name, answer in right.items() if answer == answers[0]}, set(right)):
        return []
    text = f"where {answers[0]!r} is right, names of pictures come elsewhere in the alphabet"
    return [Finding("error", "file names", text)]


def _condition_names(study: Study) -> list[Finding]:
    """Nor do names say which condition somebody is in."""
    shown: dict[str, set[str]] = {condition: set() for condition in study.conditions}
    for row in study.templates:
        if row["condition"] in shown:
            shown[row["condition"]] |= set(study.task.stimuli_of(row))
    every = set().union(*shown.values())
    findings = []
    for condition, names in shown.items():
        others = set().union(*(other for c, other in shown.items() if c != condition))
        if _apart(names - others, every):
            text = f"names of the pictures of {condition} come elsewhere in the alphabet"
            findings.append(Finding("error", "file names", text))
    return findings


def _apart(some: set[str], names: set[str]) -> bool:
    """Whether some of the names come earlier or later in the alphabet than chance puts them.

    Mann and Whitney's statistic, which counts how often one of them comes after one of the others.
    """
    first = np.array([name in some for name in sorted(names)])
    n, m = int(first.sum()), int((~first).sum())
    places = float(np.flatnonzero(first).sum()) - n * (n - 1) / 2
    spread = math.sqrt(n * m * (n + m + 1) / 12)
    return n * m > 0 and abs(places - n * m / 2) > SURE * spread


def _sides(schedules: Schedules) -> list[Finding]:
    """Within one participant right answers are balanced over positions; where no answer is right,
    the one of two that comes first in the alphabet (a method, say) is."""
    for cell, drawn in schedules.items():
        for seed, schedule in enumerate(drawn):
            asked = [t for t in schedule if t.phase == "test"]
            balanced = [t for t in asked if t.right is not None or t.n_options == 2]
            for n_options in sorted({trial.n_options for trial in balanced}):
                mine = [trial for trial in balanced if trial.n_options == n_options]
                places = Counter(_place(trial) for trial in mine)
                counts = [places[place] for place in range(n_options)]
                parts = {(trial.condition, trial.session) for trial in mine}
                if max(counts) - min(counts) > 1 + len(parts):
                    what = "right answers" if mine[0].right is not None else "options of one name"
                    text = f"{cell}, seed {seed}: {what} fall {counts} on the positions"
                    return [Finding("error", "sides", text)]
    return []


def _place(trial: ScheduledTrial) -> int:
    if trial.right is not None:
        return trial.right
    return trial.option_order.index(min(trial.option_order))


def _names(schedules: Schedules) -> list[Finding]:
    """The alphabetical order of the options' names says nothing of the answer."""
    first_is_right: defaultdict[int, dict[tuple[str, ...], bool]] = defaultdict(dict)
    for drawn in schedules.values():
        for schedule in drawn:
            for trial in schedule:
                if trial.right is None:
                    continue
                options = tuple(sorted(trial.option_order))
                right = trial.option_order[trial.right]
                first_is_right[trial.n_options][(trial.item, *options)] = right == options[0]
    return [
        finding
        for n_options, hits in sorted(first_is_right.items())
        for finding in guessable(
            "file names", list(hits.values()), "first in the alphabet", 1 / n_options
        )
    ]


def guessable(check: str, hits: Sequence[bool], rule: str, chance: float = 0.5) -> list[Finding]:
    """An error if a rule that needs no pixels finds the answer more or less often than chance."""
    if not hits:
        return []
    share = float(np.mean(hits))
    error = math.sqrt(chance * (1 - chance) / len(hits))
    if abs(share - chance) <= SURE * error:
        return []
    text = f"the option that comes {rule} is right in {share:.0%} of {len(hits)} trials"
    return [Finding("error", check, text)]
