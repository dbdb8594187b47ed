"""What a participant's page may know of its study: never the answers of the quiz, never a cell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from experiments.study import Study
from webapp import markdown


@dataclass(frozen=True)
class Step:
    """One step of the instructions; ``picture`` is a file in the static folder, or empty."""

    title: str
    html: Markup
    picture: str


@dataclass(frozen=True)
class Question:
    """One question of the quiz; its form field is ``field``, its values 0, 1 …"""

    field: str
    text: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class StudyView:
    """A study for templates.

    Attributes
    ----------
    consent, debrief : sanitised HTML.
    full_screen, min_viewport_px, allow_phones : what the task will need, so that a person can be
        told before agreeing.
    """

    name: str
    title: str
    consent: Markup
    consent_version: str
    protocol: str
    min_age: int
    instructions: tuple[Step, ...]
    quiz: tuple[Question, ...]
    debrief: Markup
    reward: str
    full_screen: bool
    min_viewport_px: tuple[int, int]
    allow_phones: bool


PICTURES = Path(__file__).parents[1] / "static" / "img" / "instructions"


def _picture(name: str) -> str:
    """Where a built-in picture lies below the static folder; empty if there is none."""
    file = PICTURES / f"{name}.svg"
    return f"img/instructions/{file.name}" if name and file.is_file() else ""


def view_of(study: Study) -> StudyView:
    """The part of a study that its pages may show."""
    return study.remember("participant view", lambda: _view(study))


def _view(study: Study) -> StudyView:
    config = study.config
    return StudyView(
        name=config.name,
        title=config.title,
        consent=markdown.render(config.consent.markdown),
        consent_version=config.consent.version,
        protocol=config.consent.protocol,
        min_age=config.consent.min_age,
        instructions=tuple(
            Step(step.title, markdown.render(step.markdown), _picture(step.picture))
            for step in config.instructions
        ),
        quiz=tuple(
            Question(f"q{number}", question.question, question.options)
            for number, question in enumerate(config.quiz)
        ),
        debrief=markdown.render(config.completion.markdown),
        reward=config.completion.reward,
        full_screen=config.session.full_screen,
        min_viewport_px=config.session.min_viewport_px,
        allow_phones=config.session.allow_phones,
    )
