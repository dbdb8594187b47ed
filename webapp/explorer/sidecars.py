"""What people made of concepts: scores and names beside an atlas that never changes.

``lens analyze`` writes a sidecar for each analysed data set (:mod:`analysis.sidecar` says what is
in it). It is keyed by the atlas's hash: what belongs to another atlas is left out, with a line that
says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lens_core.atlas import LensError

FORMAT_VERSION = 1
AGREED = 0.5
"""A name stands in the place of the concept's number where more than this share of people gave
it …"""
FEWEST = 3
"""… and at least so many people gave a name."""
LONGEST_NAME = 40


class Row(BaseModel):
    """Which concept of which atlas a row is about. Fields that we do not know are let be."""

    model_config = ConfigDict(frozen=True)

    atlas_hash: str
    class_id: int
    concept_id: str


class Score(Row):
    """How often people were right on a concept."""

    score: float = Field(ge=0, le=1)
    n: int = Field(ge=1)
    n_participants: int | None = None
    low: float | None = None
    high: float | None = None


class Name(Row):
    """What people call a concept."""

    name: str
    agreement: float = Field(ge=0, le=1)
    n: int = Field(ge=1)


class Sidecar(BaseModel):
    """One analysed data set."""

    model_config = ConfigDict(frozen=True)

    format: str = Field(pattern="^lens-sidecar$")
    format_version: int
    study: str = ""
    study_hash: str = ""
    title: str = ""
    paradigm: str = ""
    simulated: bool = False
    chance: float | None = None
    level: float = 0.95
    concepts: tuple[Score, ...] = ()
    names: tuple[Name, ...] = ()


@dataclass(frozen=True)
class PeopleScore:
    """How often people were right on a concept in one study.

    Attributes
    ----------
    score, low, high : share of right answers, and its interval where there is one.
    n, n_people : answers, and people who gave them where that is known.
    chance : what guessing would give, where it is the same in all trials.
    simulated : the people were simulated.
    study : title of the study.
    """

    score: float
    low: float | None
    high: float | None
    n: int
    n_people: int | None
    chance: float | None
    simulated: bool
    study: str

    @property
    def who(self) -> str:
        """Whose answers these are."""
        return "simulated people" if self.simulated else "people"


@dataclass(frozen=True)
class PeopleName:
    """What people call a concept, and how far they agree."""

    name: str
    agreement: float
    n: int
    simulated: bool

    @property
    def agreed(self) -> bool:
        """Whether it may stand for the concept's number."""
        return self.agreement > AGREED and self.n >= FEWEST


@dataclass(frozen=True)
class People:
    """What is known of one atlas's concepts. Of several studies the one with most answers counts.

    A concept that all classes share has one name, and a score in every class it was asked about.
    """

    scores: dict[tuple[int, str], PeopleScore] = field(default_factory=dict)
    names: dict[tuple[int, str], PeopleName] = field(default_factory=dict)
    shared_names: dict[str, PeopleName] = field(default_factory=dict)

    def score(self, class_id: int, concept_id: str) -> PeopleScore | None:
        """The score of a concept in a class."""
        return self.scores.get((class_id, concept_id))

    def name(self, class_id: int | None, concept_id: str, *, shared: bool) -> PeopleName | None:
        """The name of a concept, agreed on or not."""
        if shared:
            return self.shared_names.get(concept_id)
        return None if class_id is None else self.names.get((class_id, concept_id))

    def __bool__(self) -> bool:
        return bool(self.scores or self.names)


def read_sidecar(file: Path) -> Sidecar:
    """Read one sidecar.

    Raises
    ------
    LensError
        If it is none, or a newer program wrote it.
    """
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise LensError(
            f"{file} does not exist: 'lens analyze' writes it as sidecar.json"
        ) from None
    except (OSError, ValueError) as error:
        raise LensError(f"{file} cannot be read ({error}): analyse the data set again") from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise LensError(
            f"{file} has format version {version}, this program reads up to {FORMAT_VERSION}: "
            "update lens-lab"
        )
    try:
        return Sidecar.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise LensError(
            f"{file} is no sidecar of lens analyze: {where}: {first['msg']}; "
            "give the sidecar.json of its report"
        ) from error


def people_of(atlas_hash: str, sidecars: Iterable[Sidecar]) -> People:
    """What these sidecars say of one atlas; answers of people go before those of simulated ones."""
    people = People()
    weights: dict[object, tuple[bool, int]] = {}

    def wins(key: object, real: bool, n: int) -> bool:
        better = (real, n) > weights.get(key, (False, -1))
        if better:
            weights[key] = (real, n)
        return better

    for one in sidecars:
        for row in one.concepts:
            place = (row.class_id, row.concept_id)
            if row.atlas_hash == atlas_hash and wins(("score", place), not one.simulated, row.n):
                people.scores[place] = PeopleScore(
                    row.score,
                    row.low,
                    row.high,
                    row.n,
                    row.n_participants,
                    one.chance,
                    one.simulated,
                    one.title or one.study,
                )
        for named in one.names:
            text = " ".join(named.name.split())[:LONGEST_NAME]
            if named.atlas_hash != atlas_hash or not text:
                continue
            place = (named.class_id, named.concept_id)
            view = PeopleName(text, named.agreement, named.n, one.simulated)
            if wins(("name", place), not one.simulated, named.n):
                people.names[place] = view
            if wins(("shared", named.concept_id), not one.simulated, named.n):
                people.shared_names[named.concept_id] = view
    return people


def about(sidecar: Sidecar) -> set[str]:
    """Hashes of the atlases that a sidecar says something of."""
    return {row.atlas_hash for row in (*sidecar.concepts, *sidecar.names)}


def misfits(found: Sequence[tuple[Path, Sidecar]], hashes: Iterable[str]) -> list[str]:
    """A line for each sidecar that is about none of these atlases."""
    here = set(hashes)
    lines = []
    for file, sidecar in found:
        there = sorted(about(sidecar))
        if not here & set(there):
            which = ", ".join(one[:19] + "…" for one in there) or "no atlas"
            lines.append(f"{file} is ignored: it is about {which}, which is not here")
    return lines


class SidecarFolder:
    """A folder of sidecars, looked at again whenever it changed.

    Parameters
    ----------
    folder : need not be there yet; none for none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self.found: tuple[tuple[Path, Sidecar], ...] = ()
        self.problems: tuple[str, ...] = ()

    def refresh(self) -> tuple[tuple[str, int, int], ...]:
        """Read what changed, and return what tells this state from another."""
        stamp = self._look()
        if stamp != self._stamp:
            found, problems = [], []
            for name, _, _ in stamp:
                assert self._folder is not None
                try:
                    found.append((self._folder / name, read_sidecar(self._folder / name)))
                except LensError as error:
                    problems.append(f"ignored: {error}")
            self.found, self.problems, self._stamp = tuple(found), tuple(problems), stamp
        return stamp

    def people(self, atlas_hash: str) -> People:
        """What the folder says of an atlas."""
        return people_of(atlas_hash, (sidecar for _, sidecar in self.found))

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        if self._folder is None:
            return ()
        rows = []
        for file in sorted(self._folder.glob("*.json")):
            try:
                status = file.stat()
            except OSError:
                continue  # it was just replaced
            if not file.name.startswith("."):
                rows.append((file.name, status.st_mtime_ns, status.st_size))
        return tuple(rows)
