"""Opaque names of stimuli: another one for each participant, trial and place in it.

A name is a keyed hash of trial and stimulus, so that a picture that comes again, in a later trial
or among the references of its own, has another name there: who sees a name twice would know that
the picture is the same, which in a catch trial is the answer. The way back is a table of the
participant's own schedule, so a name that was guessed, or was somebody else's, leads nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from webapp.database import Database
from webapp.models import Scheduled, TaskSession

PEOPLE_REMEMBERED = 64
NAME_LENGTH = 32


class StimulusNames:
    """Gives names, and finds the stimulus of a name.

    Parameters
    ----------
    key : the server's key.
    database : where schedules are kept.
    """

    def __init__(self, key: bytes, database: Database) -> None:
        self._key = hmac.new(key, b"stimulus names", hashlib.sha256).digest()
        self._database = database
        self._known: OrderedDict[int, dict[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def of_trial(self, session_id: int, index: int) -> Callable[[str], str]:
        """Names for the stimuli of one trial: 32 hexadecimal digits, others for every asking.

        A trial's stimuli are asked for in the same order each time, so they have the same names.
        """
        times: Counter[str] = Counter()
        trial = self._begun("stimulus", session_id, index, "")

        def name(stimulus: str) -> str:
            times[stimulus] += 1
            one = trial.copy()
            one.update(f"{times[stimulus]}/{stimulus}".encode())
            return one.hexdigest()

        return name

    def of_bundle(self, session_id: int, first: int, n_trials: int) -> str:
        """The name of so many trials' pictures in one file, from a trial on."""
        return (
            f"{first}-{n_trials}-{self._begun('bundle', session_id, first, n_trials).hexdigest()}"
        )

    def bundle(self, session_id: int, name: str) -> tuple[int, int] | None:
        """First trial and number of trials of a bundle, if the name was given to this session."""
        parts = name.split("-")
        if len(parts) != 3 or not (parts[0] + parts[1]).isdecimal() or len(name) > 64:
            return None
        first, n_trials = int(parts[0] or -1), int(parts[1] or -1)
        known = self.of_bundle(session_id, first, n_trials)
        return (first, n_trials) if hmac.compare_digest(known.encode(), name.encode()) else None

    def stimulus(self, participant_id: int, name: str) -> str | None:
        """The stimulus of a name, if it is in the participant's schedule."""
        with self._lock:
            table = self._known.get(participant_id)
            if table is not None and name in table:
                self._known.move_to_end(participant_id)
                return table[name]
        # Not known yet, or practice was drawn anew since.
        table = self._table(participant_id)
        with self._lock:
            self._known[participant_id] = table
            self._known.move_to_end(participant_id)
            while len(self._known) > PEOPLE_REMEMBERED:
                self._known.popitem(last=False)
        return table.get(name)

    def _begun(self, *about: str | int) -> hashlib.blake2b:
        # BLAKE2 takes a key itself, at a third of HMAC's price: a block has hundreds of names.
        text = "/".join(map(str, about)).encode()
        return hashlib.blake2b(text, key=self._key, digest_size=NAME_LENGTH // 2)

    def _table(self, participant_id: int) -> dict[str, str]:
        with self._database.read() as db:
            trials = db.execute(
                select(Scheduled.session_id, Scheduled.index, Scheduled.body)
                .join(TaskSession, TaskSession.id == Scheduled.session_id)
                .where(TaskSession.participant_id == participant_id)
            ).all()
        table = {}
        for session_id, index, body in trials:
            name = self.of_trial(session_id, index)
            for stimulus in shown_in(body):
                table[name(stimulus)] = stimulus
        return table


def shown_in(body: dict[str, Any]) -> list[str]:
    """Stimuli of a stored trial, each as often as it can be asked for."""
    groups = [*body["stimuli"].values(), body["option_order"]]
    return [stimulus for group in groups for stimulus in group]
