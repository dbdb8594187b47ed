"""Every published number is a line of the study file, with the published value until it is changed.

A study is put together here as ``lens study new`` does, written as ``study.toml``, and read back.
"""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from experiments.design import AnalysisPlan, Condition, Source, StudyConfig
from experiments.paradigms import get_paradigm
from experiments.paradigms.craft_texts import BINARY_CHOICE, INTRUDER
from experiments.paradigms.files import Defaults, timed_consent
from experiments.paradigms.meta_predictor_build import _plan
from experiments.paradigms.meta_predictor_texts import defaults as meta_defaults
from experiments.paradigms.naming_build import TEXTS
from experiments.paradigms.two_afc_config import TwoAfcDesign, defaults_for
from experiments.paradigms.visualizations import VisualizationsDesign
from experiments.paradigms.visualizations_build import texts_for
from experiments.study import config_toml

CONDITIONS = ("baseline", "control", "saliency", "gradcam")
STRONG_WEAK = {
    "design.n_references": 9,
    "design.n_trials": 40,
    "design.n_catch": 5,
    "design.n_practice_obvious": 4,
    "design.n_practice_harder": 1,
    "session.confidence_steps": 3,
    "session.start_delay_ms": 1500,
    "session.feedback_ms": 1150,
    "session.running_score": True,
    "session.full_screen": True,
    "session.min_viewport_px": [940, 600],
    "practice.until_correct": True,
    "exclusions.practice_attempts.max": 3,
    "exclusions.catch_accuracy.min": 0.8,
    "exclusions.instruction_s.min": 15,
    "exclusions.total_s.min": 135,
    "exclusions.total_s.max": 2500,
}
PUBLISHED: dict[str, dict[str, Any]] = {
    "meta_predictor": {
        "design.assignment": "between",
        "design.n_sessions": 3,
        "design.n_training": 5,
        "design.n_trials": 3 * 7,
        "design.n_catch": 3 * 1,
        "design.n_practice": 4,
        "design.require_balance": True,
        "analysis.n_participants": 30 * len(CONDITIONS),
        "analysis.correction": "tukey",
        "analysis.reference": "baseline",
    },
    "intruder": {
        "design.n_crops": 5,
        "design.n_trials": 12,
        "design.n_catch": 1,
        "session.confidence_steps": 3,
    },
    "binary_choice": {"design.n_crops": 6, "design.n_trials": 12, "session.feedback": False},
    "two_afc": STRONG_WEAK | {"design.strong_quantile": 0.85, "design.weak_quantile": 0.4},
    "basis_layers": STRONG_WEAK
    | {
        "design.items_per_layer": 2,
        "design.queries": "any",
        "design.visualizations": "none",
        "design.view": "crop",
    },
    "visualizations": {
        "design.kinds": ["none", "natural", "optimized", "mixed", "blurred"],
        "design.queries": "hidden",
        "design.n_references": 9,
        "design.n_visualizations": 9,
        "design.n_mixed": 4,
        "design.n_trials": 18,
        "design.n_catch": 3,
        "practice.until_correct": True,
        "session.confidence_with_answer": True,
        "session.confidence_steps": 3,
        "exclusions.catch_accuracy.min": 0.6,
        "exclusions.total_s.min": 90,
        "exclusions.total_s.max": 900,
    },
}
PAY = {"meta_predictor": "$1.40", "two_afc": "$2.79", "visualizations": "$1.95"}
TEXTS_OF: dict[str, Defaults] = {
    "meta_predictor": meta_defaults("husky", "wolf"),
    "intruder": INTRUDER,
    "binary_choice": BINARY_CHOICE,
    "two_afc": defaults_for(TwoAfcDesign()),
    "basis_layers": defaults_for(TwoAfcDesign()),
    "visualizations": texts_for(VisualizationsDesign()),
    "naming": TEXTS,
}


def config_of(paradigm: str, **changed: Any) -> StudyConfig:
    kind = get_paradigm(paradigm).config_model
    texts = TEXTS_OF[paradigm]
    plan = _plan(CONDITIONS) if paradigm == "meta_predictor" else AnalysisPlan()
    design: Any = kind.model_fields["design"].default
    return kind.model_validate(
        {
            "name": "published",
            "title": "Published",
            "seed": 0,
            "source": Source(),
            "design": design,
            "conditions": tuple(Condition(name=name) for name in CONDITIONS),
            "consent": timed_consent(texts.consent, design.n_shown, texts.trial_min),
            "quiz": texts.quiz,
            "practice": texts.practice,
            "session": texts.session,
            "exclusions": texts.exclusions,
            "analysis": plan,
            **changed,
        }
    )


def line(study: dict[str, Any], path: str) -> Any:
    """The value at a dotted path; criteria are found by their check."""
    value: Any = study
    for part in path.split("."):
        if isinstance(value, list):
            value = {one["check"]: one for one in value}
        value = value[part]
    return value


@pytest.mark.parametrize("paradigm", PUBLISHED)
def test_numbers_stand_in_the_file(paradigm: str) -> None:
    written = tomllib.loads(config_toml(config_of(paradigm)).decode())
    found = {path: line(written, path) for path in PUBLISHED[paradigm]}
    assert found == PUBLISHED[paradigm]


def test_minutes_and_pay_as_published() -> None:
    """People are told minutes from the start; pay is for each lab to promise."""
    assert "about 7 minutes" in config_of("meta_predictor").consent.markdown, "published: 5 to 8"
    assert "about 10 minutes" in config_of("two_afc").consent.markdown
    assert {name: get_paradigm(name).published_pay for name in PAY} == PAY


@pytest.mark.parametrize("paradigm", ["two_afc", "basis_layers"])
def test_six_buttons_ask_for_steps(paradigm: str) -> None:
    with pytest.raises(ValueError, match="confidence_scale must be steps"):
        config_of(paradigm, session={"confidence_scale": "percent"})


@pytest.mark.parametrize("paradigm", TEXTS_OF)
def test_confidence_and_free_text_are_options(paradigm: str) -> None:
    session = {"confidence_steps": 0, "remark": "What did you go by?"}
    written = tomllib.loads(config_toml(config_of(paradigm, session=session)).decode())
    assert {name: line(written, f"session.{name}") for name in session} == session
