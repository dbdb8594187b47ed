"""Trials of kind ``choice`` as the browser gets them, and what it sends back, judged.

Everything they need stands in the scheduled trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.paradigms.asking import Ask, read_confidence
from experiments.paradigms.base import Asking, Scored, UrlOf
from experiments.schedule import ScheduledTrial
from lens_core.atlas import LensError

KIND = "choice"


class ChoiceTrials(Asking):
    """See the module."""

    def answered(self, trial: ScheduledTrial, response: str) -> Mapping[str, Any]:
        """Columns that depend on the answer."""
        return {}

    def public(self, trial: ScheduledTrial, url_of: UrlOf) -> dict[str, Any]:
        display = trial.display

        def pictures(slot: str) -> list[str]:
            return [url_of(stimulus) for stimulus in trial.stimuli.get(slot, ())]

        query = pictures("query")
        return {
            "index": trial.index,
            # A catch trial must look like any other, so its phase is not told.
            "phase": "test" if trial.phase == "catch" else trial.phase,
            "block": trial.block,
            "attempt": trial.attempt,
            "session": trial.session,
            "kind": KIND,
            "question": display["question"],
            "panels": [
                {"label": p["label"], "folded": p["folded"], "pictures": pictures(p["slot"])}
                for p in display["panels"]
            ],
            "query": {"picture": query[0] if query else "", "caption": display["caption"]},
            "options": [
                {"label": label, "pictures": pictures(f"option-{place}")}
                for place, label in enumerate(display["labels"])
            ],
            "response": Ask.from_dict(display["ask"]).public(),
            "confidence": display["confidence"],
            "start_delay_ms": display["start_delay_ms"],
            "feedback_ms": display["feedback_ms"],
        }

    def score(self, trial: ScheduledTrial, raw: Mapping[str, Any]) -> Scored:
        where = f"trial {trial.index}"
        ask = Ask.from_dict(trial.display["ask"])
        unknown = sorted(set(raw) - {ask.field, "confidence"} | ({""} & set(raw)))
        if unknown:
            raise LensError(f"{where}: a response has no field {unknown[0]!r}")
        response = ask.response(raw, trial.display["answers"], where)
        return Scored(
            response=response,
            correct=self.is_right(trial, response),
            confidence=read_confidence(raw, trial.display["confidence"], where),
            columns=self.answered(trial, response),
        )

    def is_right(self, trial: ScheduledTrial, response: str) -> bool | None:
        """Whether the answer is the right one; none where no answer is."""
        return response == trial.correct_response if trial.correct_response else None

    def raw_response(
        self, trial: ScheduledTrial, choice: int, confidence: int | None
    ) -> dict[str, Any]:
        raw = Ask.from_dict(trial.display["ask"]).raw(choice)
        told = trial.display["confidence"]
        if confidence is not None and told is not None:
            raw["confidence"] = confidence - 1 if told["kind"] == "percent" else confidence
        return raw
