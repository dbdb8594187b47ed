"""What can be wrong with a study of kind ``choice`` beyond what every study is checked for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from experiments.audit import Finding, guessable
from experiments.paradigms.choice_template import ChoicePool, ChoiceTemplate, choice_pool

if TYPE_CHECKING:
    from experiments.study import Study


def audit_choice(study: Study) -> list[Finding]:
    """Pictures twice in a view, answers that are no option, an order that tells, too few trials."""
    pool = choice_pool(study)
    templates = list(pool.by_name.values())
    findings = [finding for template in templates for finding in _view(template)]
    wrong = [finding for template in templates for finding in _key(study, template)]
    if wrong:
        return findings + wrong
    findings += _order(study, templates)
    for condition in study.conditions:
        findings += _enough(study, condition, pool) + _evidence(study, condition)
    return findings


def _view(template: ChoiceTemplate) -> list[Finding]:
    """No picture and no photograph twice in one view; catch trials repeat one on purpose."""
    if template.use == "catch":
        return []
    for shown in (template.stimuli, template.sources):
        if len(set(shown)) < len(shown):
            text = f"trial {template.template} shows a photograph twice in one view"
            return [Finding("error", "same photograph", text)]
    return []


def _key(study: Study, template: ChoiceTemplate) -> list[Finding]:
    right = study.key.get(template.template, "")
    names = [option.name for option in template.options]
    if len(set(names)) < len(names):
        text = f"trial {template.template} has two options of the same name"
        return [Finding("error", "key", text)]
    if right and names and right not in names:
        text = f"trial {template.template}: the key names {right!r}, which is no option"
        return [Finding("error", "key", text)]
    return []


def _order(study: Study, templates: list[ChoiceTemplate]) -> list[Finding]:
    """The place of the right option in the pool of trials is drawn, too."""
    if study.task.option_order != "trial":
        return []
    findings: list[Finding] = []
    for n_options in sorted({len(template.options) for template in templates} - {0, 1}):
        hits = [
            study.key[template.template] == template.options[0].name
            for template in templates
            if len(template.options) == n_options and study.key.get(template.template)
        ]
        findings += guessable("order", hits, "first in the pool of trials", 1 / n_options)
    return findings


def _enough(study: Study, condition: str, pool: ChoicePool) -> list[Finding]:
    tests = pool.by_use[condition, "test"]
    if not tests:
        return [Finding("error", "trials", f"{condition} has no test trial")]
    design = study.config.design
    share = len(study.conditions) if study.cells == ("within",) else 1
    per_condition = getattr(design, "n_trials", 0) / share
    findings = []
    n_items = len({template.item for template in tests})
    if per_condition < n_items:
        text = f"{condition}: {per_condition:g} trials a person for {n_items} items"
        findings.append(Finding("note", "items", text))
    if getattr(design, "n_catch", 0) and not pool.by_use[condition, "catch"]:
        text = f"{condition} has no catch trial although n_catch asks for them"
        findings.append(Finding("warning", "catch trials", text))
    sizes = Counter(len(template.options) for template in tests)
    if len(sizes) > 1:
        text = f"{condition}: trials have {min(sizes)} to {max(sizes)} options, so chance differs"
        findings.append(Finding("warning", "options", text))
    return findings


def _evidence(study: Study, condition: str) -> list[Finding]:
    """How much the pictures say for the right answer: conditions may differ in difficulty, and who
    goes by pictures that say nothing for it cannot be better than chance."""
    asked = study.task.asked(study, condition)
    if not asked:
        return []
    gaps = np.array([trial.gap for trial in asked])
    text = (
        f"{condition}: the pictures say {gaps.mean():.2f} SDs more for the right answer than for "
        f"the next (SD {gaps.std():.2f}); in {np.mean(gaps < 0):.0%} of the trials they speak "
        "against it"
    )
    if gaps.mean() > 0:
        return [Finding("note", "evidence", text)]
    text += ": people who go by them will not do better than by guessing; ask about other items"
    return [Finding("warning", "evidence", text)]
