"""Opaque names of stimuli: another one for each participant, and only for what they will see.

A name is a keyed hash of participant and stimulus. The way back is a table of the participant's
own schedule, so a name that was guessed, or was somebody else's, leads nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict

from sqlalchemy import select

from experiments.schedule import ScheduledTrial
from webapp.database import Database
from webapp.models import Scheduled, TaskSession

PEOPLE_REMEMBERED = 512


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

    def name(self, participant_id: int, stimulus: str) -> str:
        """The name of a stimulus for one participant: 32 hexadecimal digits."""
        text = f"{participant_id}/{stimulus}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]

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

    def _table(self, participant_id: int) -> dict[str, str]:
        with self._database.read() as db:
            bodies = db.scalars(
                select(Scheduled.body)
                .join(TaskSession, TaskSession.id == Scheduled.session_id)
                .where(TaskSession.participant_id == participant_id)
            ).all()
        shown = {
            stimulus
            for body in bodies
            for trial in (ScheduledTrial.from_dict(body),)
            for group in (*trial.stimuli.values(), trial.option_order)
            for stimulus in group
        }
        return {self.name(participant_id, stimulus): stimulus for stimulus in shown}
