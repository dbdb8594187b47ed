"""What can be wrong with a strong/weak study in particular."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from experiments.audit import Finding, guessable
from experiments.paradigms.two_afc_template import Template, design_of, pool_of

if TYPE_CHECKING:
    from experiments.study import Study


def audit_two_afc(study: Study) -> list[Finding]:
    """Pictures twice in a view, answers that contradict the strengths, too few trials, gaps."""
    pool = pool_of(study)
    templates = [template for group in pool.by_use.values() for template in group]
    findings = [finding for template in templates for finding in _view(template)]
    findings += _answers(study, templates) + _letters(study, templates)
    for condition in study.conditions:
        tests = pool.by_use[condition, "test"]
        findings += _enough(study, condition, tests)
        findings += _gaps(condition, tests) + _remembered(condition, tests)
    return findings


def _view(template: Template) -> list[Finding]:
    """No photograph twice in one view; queries of catch trials are references on purpose."""
    shown = [*template.sources, template.source_a, template.source_b]
    if template.use == "catch":
        shown = list(template.sources)
        twins = {template.twin_a, template.twin_b}
        if not twins <= {*template.strong, *template.weak} or len(twins) < 2:
            text = f"trial {template.template} does not ask about two of its references"
            return [Finding("error", "catch trials", text)]
    pictures = [*template.strong, *template.weak, template.option_a, template.option_b]
    if len(set(shown)) < len(shown) or len(set(pictures)) < len(pictures):
        text = f"trial {template.template} shows a photograph twice in one view"
        return [Finding("error", "same photograph", text)]
    return []


def _answers(study: Study, templates: list[Template]) -> list[Finding]:
    for template in templates:
        stronger = "a" if template.strength_a > template.strength_b else "b"
        if template.strength_a == template.strength_b:
            text = f"trial {template.template}: both options are equally strong"
            return [Finding("error", "key", text)]
        if study.key[template.template] != stronger:
            text = f"trial {template.template}: the key names the weaker option"
            return [Finding("error", "key", text)]
    return []


def _letters(study: Study, templates: list[Template]) -> list[Finding]:
    """The letter of the right option in the pool is drawn by coin, too."""
    hits = [study.key[template.template] == "a" for template in templates]
    return guessable("order", hits, "first in the pool of trials")


def _enough(study: Study, condition: str, tests: tuple[Template, ...]) -> list[Finding]:
    design = design_of(study)
    per_condition = design.n_trials / (len(study.conditions) if study.cells == ("within",) else 1)
    items = len({template.item for template in tests})
    findings = []
    if per_condition < items and design.items_per_layer is None:
        text = f"{condition}: {per_condition:g} trials a person for {items} items"
        findings.append(Finding("note", "items", text))
    return findings


def _gaps(condition: str, tests: tuple[Template, ...]) -> list[Finding]:
    """How strong the queries are: conditions that differ here differ in difficulty."""
    if not tests:
        return [Finding("error", "trials", f"{condition} has no test trial")]
    gaps = [abs(template.strength_a - template.strength_b) / template.scale for template in tests]
    zeros = [min(template.strength_a, template.strength_b) <= 0 for template in tests]
    by_item: defaultdict[str, list[float]] = defaultdict(list)
    for template, gap in zip(tests, gaps, strict=True):
        by_item[template.item].append(gap)
    spread = np.std([np.mean(values) for values in by_item.values()])
    text = (
        f"{condition}: strong minus weak query is {np.mean(gaps):.2f} SDs of an item's activations "
        f"(SD over items {spread:.2f}); {np.mean(zeros):.0%} of the weak queries are exactly zero, "
        "drawn by seed among their ties"
    )
    return [Finding("note", "activation gap", text)]


def _remembered(condition: str, tests: tuple[Template, ...]) -> list[Finding]:
    """Whoever saw a query in another trial of its item may remember which side it was on."""
    by_item: defaultdict[str, list[Template]] = defaultdict(list)
    for template in tests:
        by_item[template.item].append(template)
    known = 0
    for group in by_item.values():
        uses = Counter(s for t in group for s in (*t.strong, *t.weak, t.option_a, t.option_b))
        known += sum(max(uses[t.option_a], uses[t.option_b]) > 1 for t in group)
    if not known:
        return []
    text = f"{condition}: {known} of {len(tests)} trials ask about a picture of another trial"
    return [Finding("warning", "seen before", text)]
