"""What a trial asks for: an option, a point of a scale, a text, a word of a list, or to go on.

Each kind knows what the browser is told of it, what the browser may send back, and what a simulated
observer's pick means. Confidence goes with any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.design import Session
from experiments.paradigms.base import Asked
from lens_core.atlas import LensError

MAX_CHARS = 500
"""Longest text that is kept."""

PERCENT = 100


@dataclass(frozen=True)
class Ask:
    """What is asked for.

    Attributes
    ----------
    kind : see :data:`experiments.paradigms.base.Asked`.
    points, low, high : of a rating scale, and what its ends are called.
    words : of a vocabulary; for free text what simulated observers may write, never shown.
    own_words : whether other words than the vocabulary's may be typed.
    hint : what stands in an empty text field.
    optional : whether a text may be left empty.
    min_view_ms : shortest time before one may go on.
    button : what going on is called.
    """

    kind: Asked = "choice"
    points: int = 0
    low: str = ""
    high: str = ""
    words: tuple[str, ...] = ()
    own_words: bool = True
    hint: str = ""
    optional: bool = False
    min_view_ms: int = 0
    button: str = "Next"

    def public(self) -> dict[str, Any]:
        """What the browser is told."""
        fields: dict[Asked, tuple[str, ...]] = {
            "choice": (),
            "rating": ("points", "low", "high"),
            "text": ("hint", "optional"),
            "vocabulary": ("words", "own_words", "hint"),
            "continue": ("min_view_ms", "button"),
        }
        told = {name: getattr(self, name) for name in fields[self.kind]}
        return {"kind": self.kind} | {
            name: list(value) if isinstance(value, tuple) else value for name, value in told.items()
        }

    @property
    def field(self) -> str:
        """Name of the answer in what the browser sends; empty if it sends none."""
        names: dict[Asked, str] = {
            "choice": "choice",
            "rating": "rating",
            "text": "text",
            "vocabulary": "text",
            "continue": "",
        }
        return names[self.kind]

    def raw(self, pick: int) -> dict[str, Any]:
        """What the browser would send for the possible answer at that position."""
        if self.kind == "choice":
            return {"choice": pick}
        if self.kind == "rating":
            return {"rating": pick + 1}
        if self.kind == "continue":
            return {}
        return {"text": self.words[pick] if self.words else "something"}

    def response(self, raw: Mapping[str, Any], answers: Sequence[str], where: str) -> str:
        """The answer as it is exported.

        Parameters
        ----------
        answers : what each option is called in the data, from left to right.
        where : names the trial in errors.

        Raises
        ------
        LensError
            If the trial does not allow the answer.
        """
        value = raw.get(self.field)
        if self.kind == "continue":
            return ""
        if self.kind == "choice":
            if type(value) is not int or not 0 <= value < len(answers):
                raise LensError(f"{where}: choice must be 0 to {len(answers) - 1}, not {value!r}")
            return answers[value]
        if self.kind == "rating":
            if type(value) is not int or not 1 <= value <= self.points:
                raise LensError(f"{where}: rating must be 1 to {self.points}, not {value!r}")
            return str(value)
        text = " ".join(value.split()) if isinstance(value, str) else ""
        if len(text) > MAX_CHARS or not (text or self.optional):
            raise LensError(f"{where}: text must have 1 to {MAX_CHARS} characters")
        if self.kind == "vocabulary" and not self.own_words and text not in self.words:
            raise LensError(f"{where}: {text!r} is not in the vocabulary")
        return text

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {**self.__dict__, "words": list(self.words)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Ask:
        """The inverse of :meth:`to_dict`."""
        return cls(**{**content, "words": tuple(content["words"])})


def public_confidence(session: Session, n_options: int) -> dict[str, Any] | None:
    """How confidence is asked for; none if it is not."""
    if session.confidence_steps == 0:
        return None
    if session.confidence_scale == "percent":
        return {"kind": "percent"}
    told = {"kind": "steps", "steps": session.confidence_steps}
    return told | (
        {"with_answer": True} if session.confidence_with_answer and n_options == 2 else {}
    )


def confidence_answers(told: Mapping[str, Any] | None) -> int:
    """How many answers a question for confidence has; 0 if it is not asked."""
    if told is None:
        return 0
    return PERCENT + 1 if told["kind"] == "percent" else int(told["steps"])


def read_confidence(
    raw: Mapping[str, Any], told: Mapping[str, Any] | None, where: str
) -> float | None:
    """The confidence given: a step from 1, or 0 to 100.

    Raises
    ------
    LensError
        If it is missing, out of range, or was not asked for.
    """
    value = raw.get("confidence")
    if told is None:
        if value is not None:
            raise LensError(f"{where}: this study does not ask for confidence")
        return None
    low, high = (0, PERCENT) if told["kind"] == "percent" else (1, int(told["steps"]))
    if type(value) is not int or not low <= value <= high:
        raise LensError(f"{where}: confidence must be {low} to {high}, not {value!r}")
    return float(value)
