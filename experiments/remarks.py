"""Free text after a block, an option of every task: what ``session.remark`` asks.

Who has nothing to say goes on without a word. Remarks are trials of a phase of their own, saved as
surely as any other; no analysis counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from experiments.paradigms.asking import Ask
from experiments.paradigms.base import Percept
from experiments.paradigms.choice_trials import ChoiceTrials
from experiments.schedule import ScheduledTrial

if TYPE_CHECKING:
    from experiments.design import Session
    from experiments.study import Study

REMARK = "remark"
"""The phase, and what the item is called in the data."""


class Remarks(ChoiceTrials):
    """See the module."""

    def percept(self, trial: ScheduledTrial, study: Study) -> Percept:
        return Percept(
            strengths=(0.0,), seen_among_references=(0,), item=trial.item,
            condition=trial.condition, phase=trial.phase, attempt=trial.attempt,
            confidence_steps=0, asks="text",
        )  # fmt: skip


def with_remarks(trials: Sequence[ScheduledTrial], session: Session) -> tuple[ScheduledTrial, ...]:
    """The trials with a question for remarks after each block, or after the last, as wanted."""
    if not session.remark:
        return tuple(trials)
    made: list[ScheduledTrial] = []
    for place, trial in enumerate(trials):
        made.append(replace(trial, index=len(made), trial=len(made)))
        last = place + 1 == len(trials)
        ends = last or trials[place + 1].block != trial.block
        if last or (ends and trial.block > 0 and session.remark_after == "block"):
            made.append(_remark(trial, len(made), session.remark))
    return tuple(made)


def _remark(after: ScheduledTrial, index: int, question: str) -> ScheduledTrial:
    ask = Ask("text", words=("nothing to add",), optional=True)
    return ScheduledTrial(
        index=index,
        phase="remark",
        block=after.block,
        trial=index,
        session=after.session,
        condition=after.condition,
        item=REMARK,
        source_image="",
        n_options=0,
        option_order=(),
        stimuli={},
        correct_response="",
        display={
            "question": question,
            "caption": "",
            "panels": [],
            "labels": [],
            "answers": [],
            "ask": ask.to_dict(),
            "confidence": None,
            "start_delay_ms": 0,
            "feedback": False,
            "feedback_ms": 0,
            "explanation": "",
        },
    )
