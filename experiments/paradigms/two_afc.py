"""Strong or weak? A two-alternative forced choice about one concept or unit at a time.

References that activate an item strongly lie on one side, weakly activating ones on the other; of
two query pictures the participant chooses the one that activates it more, with a confidence.

Source: Zimmermann et al. (2023), NeurIPS, after Borowski et al. (2021); the comparison of bases
after Colin et al. (2024). Slots of a trial: ``strong`` and ``weak`` (references), ``options``, and
``visualization`` where the design shows one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np

from experiments.design import AnalysisPlan, Condition
from experiments.paradigms.base import (
    AskedTrial,
    BuildRequest,
    Paradigm,
    Percept,
    Scored,
    UrlOf,
)
from experiments.paradigms.files import plan_for
from experiments.paradigms.two_afc_config import StrongWeakConfig, TwoAfcConfig, TwoAfcDesign
from experiments.paradigms.two_afc_template import PRACTICE_USES, Template, design_of, pool_of
from experiments.records import Phase
from experiments.schedule import (
    ScheduledTrial,
    balanced_positions,
    generator,
    shuffled,
    spaced,
    spread,
)
from lens_core.atlas import LensError, Track, no_track

if TYPE_CHECKING:
    from experiments.audit import Finding
    from experiments.study import Study

KIND = "two_afc"
"""What the browser shows it with."""


class TwoAfc(Paradigm):
    """See the module."""

    name: ClassVar[str] = "two_afc"
    title: ClassVar[str] = "Strong or weak"
    published_pay: ClassVar[str] = "$2.79"
    config_model: ClassVar[type[StrongWeakConfig]] = TwoAfcConfig
    design_model: ClassVar[type[TwoAfcDesign]] = TwoAfcDesign

    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        from experiments.paradigms.two_afc_build import build_two_afc
        from experiments.paradigms.two_afc_table import build_from_table

        if request.table is not None:
            return build_from_table(self, request, request.table, track)
        return build_two_afc(self, request, track)

    def plan(self, conditions: Sequence[Condition], templates: Sequence[Template]) -> AnalysisPlan:
        """The confirmatory analysis of a new study.

        Raises
        ------
        LensError
            If the trials cannot answer the paradigm's question.
        """
        return plan_for(conditions, reference="units")

    def stimuli_of(self, template: Mapping[str, Any]) -> list[str]:
        options = [template["option_a"], template["option_b"]]
        visualization = template.get("visualization") or ""
        shown = [*template["strong"], *template["weak"], *options]
        return [*shown, visualization] if visualization else shown

    def schedule(self, study: Study, cell: str, seed: int) -> tuple[ScheduledTrial, ...]:
        design = design_of(study)
        conditions = _conditions(study, cell, seed)
        shares = spread(conditions, design.n_trials, generator(seed, "shares"))
        trials = list(self.practice(study, cell, seed, attempt=1, first_index=0))
        block = 0
        for condition in conditions:
            order = _main_trials(study, condition, shares.count(condition), len(conditions), seed)
            for part in np.array_split(np.arange(len(order)), design.n_blocks):
                block += int(len(part) > 0)
                for place in part:
                    use, template, side = order[int(place)]
                    trials.append(
                        _scheduled(
                            study,
                            template,
                            side,
                            seed,
                            index=len(trials),
                            phase=cast(Phase, use),
                            block=block,
                            attempt=1,
                            own=self.own_columns(design, template),
                        )
                    )
        return tuple(trials)

    def own_columns(self, design: TwoAfcDesign, template: Template) -> Mapping[str, Any]:
        """Columns of a trial that this paradigm adds to those of all strong/weak tasks."""
        return {}

    def practice(
        self, study: Study, cell: str, seed: int, *, attempt: int, first_index: int
    ) -> tuple[ScheduledTrial, ...]:
        condition = _conditions(study, cell, seed)[0]
        rng = generator(seed, "practice", attempt)
        templates = [t for use in PRACTICE_USES for t in pool_of(study).by_use[condition, use]]
        sides = balanced_positions(len(templates), 2, rng)
        return tuple(
            _scheduled(
                study,
                template,
                side,
                seed,
                index=first_index + place,
                phase="practice",
                block=0,
                attempt=attempt,
                own=self.own_columns(design_of(study), template),
            )
            for place, (template, side) in enumerate(zip(templates, sides, strict=True))
        )

    def public(self, trial: ScheduledTrial, url_of: UrlOf) -> dict[str, Any]:
        # A catch trial must look like any other, so its phase is not told.
        return {
            "index": trial.index,
            "phase": "test" if trial.phase == "catch" else trial.phase,
            "block": trial.block,
            "attempt": trial.attempt,
            "kind": KIND,
            "references": {
                slot: [url_of(stimulus) for stimulus in trial.stimuli[slot]]
                for slot in ("strong", "weak", "visualization")
                if slot in trial.stimuli
            },
            "options": [url_of(stimulus) for stimulus in trial.option_order],
            **trial.display,
        }

    def score(self, trial: ScheduledTrial, raw: Mapping[str, Any]) -> Scored:
        unknown = sorted(set(raw) - {"choice", "confidence"})
        if unknown:
            raise LensError(f"trial {trial.index}: a response has no field {unknown[0]!r}")
        choice = raw.get("choice")
        if type(choice) is not int or not 0 <= choice < trial.n_options:
            raise LensError(f"trial {trial.index}: choice must be 0 or 1, not {choice!r}")
        steps = int(trial.display["confidence_steps"])
        confidence = raw.get("confidence")
        if steps == 0 and confidence is not None:
            raise LensError(f"trial {trial.index}: this study does not ask for confidence")
        if steps and (type(confidence) is not int or not 1 <= confidence <= steps):
            raise LensError(
                f"trial {trial.index}: confidence must be 1 to {steps}, not {confidence!r}"
            )
        return Scored(
            response=str(choice),
            correct=str(choice) == trial.correct_response,
            confidence=None if confidence is None else float(confidence),
        )

    def raw_response(
        self, trial: ScheduledTrial, choice: int, confidence: int | None
    ) -> dict[str, Any]:
        return {"choice": choice} | ({} if confidence is None else {"confidence": confidence})

    def percept(self, trial: ScheduledTrial, study: Study) -> Percept:
        pool = pool_of(study)
        references = dict.fromkeys(trial.stimuli["strong"], 1)
        references |= dict.fromkeys(trial.stimuli["weak"], -1)
        return Percept(
            strengths=tuple(pool.strengths[trial.item, s] for s in trial.option_order),
            seen_among_references=tuple(
                references.get(pool.twins[s] or s, 0) for s in trial.option_order
            ),
            item=trial.item,
            condition=trial.condition,
            phase=trial.phase,
            attempt=trial.attempt,
            confidence_steps=int(trial.display["confidence_steps"]),
        )

    def asked(self, study: Study, condition: str) -> tuple[AskedTrial, ...]:
        tests = pool_of(study).by_use[condition, "test"]
        per_item = Counter(template.item for template in tests)
        per_layer = Counter({template.item: template.layer for template in tests}.values())
        limit = design_of(study).items_per_layer
        weights = [
            min(1.0, limit / per_layer[template.layer] if limit else 1.0) / per_item[template.item]
            for template in tests
        ]
        return tuple(
            AskedTrial(abs(t.strength_a - t.strength_b) / t.scale, weight / sum(weights), 2)
            for t, weight in zip(tests, weights, strict=True)
        )

    def audit(self, study: Study) -> list[Finding]:
        from experiments.paradigms.two_afc_audit import audit_two_afc

        return audit_two_afc(study)


def _conditions(study: Study, cell: str, seed: int) -> list[str]:
    """Conditions that one participant meets, in order."""
    if cell in study.conditions:
        return [cell]
    return shuffled(study.conditions, generator(seed, "order of conditions"))


def _main_trials(
    study: Study, condition: str, n_trials: int, n_conditions: int, seed: int
) -> list[tuple[Literal["test", "catch"], Template, int]]:
    """Test and catch trials of one condition in order.

    The number with each is where its right answer goes: 0 left, 1 right.
    """
    design, pool = design_of(study), pool_of(study)
    rng = generator(seed, "trials", condition)
    by_item: defaultdict[str, list[Template]] = defaultdict(list)
    for template in pool.by_use[condition, "test"]:
        by_item[template.item].append(template)
    items = _items(by_item, design.items_per_layer, rng)
    asked = spread(items, n_trials, rng)
    queues = {item: shuffled(by_item[item], rng) for item in items}
    tests = []
    for item in asked:
        template = queues[item].pop(0)
        queues[item].append(template)
        tests.append(template)
    tests = spaced(tests, [template.item for template in tests], rng)
    sides = balanced_positions(len(tests), 2, rng)
    order: list[tuple[Literal["test", "catch"], Template, int]] = [
        ("test", template, side) for template, side in zip(tests, sides, strict=True)
    ]
    n_catch = round(design.n_catch / n_conditions) if pool.by_use[condition, "catch"] else 0
    catches = spread(pool.by_use[condition, "catch"], n_catch, rng) if n_catch else []
    sides = balanced_positions(len(catches), 2, rng)
    # One catch trial falls into each of equal stretches, from the last stretch to the first, so
    # that places already drawn stay right.
    stretches = np.array_split(np.arange(1, len(order) + 1), max(1, len(catches)))
    for stretch, template, side in reversed(list(zip(stretches, catches, sides, strict=False))):
        place = int(rng.choice(stretch)) if len(stretch) else len(order)
        order.insert(place, ("catch", template, side))
    return order


def _items(
    by_item: Mapping[str, Sequence[Template]], per_layer: int | None, rng: np.random.Generator
) -> list[str]:
    """Items that one participant is asked about."""
    if per_layer is None:
        return sorted(by_item)
    by_layer: defaultdict[str, list[str]] = defaultdict(list)
    for item in sorted(by_item):
        by_layer[by_item[item][0].layer].append(item)
    return [
        item for layer in sorted(by_layer) for item in shuffled(by_layer[layer], rng)[:per_layer]
    ]


def _scheduled(
    study: Study,
    template: Template,
    side: int,
    seed: int,
    *,
    index: int,
    phase: Phase,
    block: int,
    attempt: int,
    own: Mapping[str, Any],
) -> ScheduledTrial:
    design, session = design_of(study), study.config.session
    rng = generator(seed, "references", index)
    a_is_right = study.key[template.template] == "a"
    right = template.option_a if a_is_right else template.option_b
    wrong = template.option_b if a_is_right else template.option_a
    strong, weak = (
        (template.strength_a, template.strength_b)
        if a_is_right
        else (template.strength_b, template.strength_a)
    )
    strong_side = design.strong_side
    if strong_side == "random":
        strong_side = ("left", "right")[int(generator(seed, "strong side").integers(2))]
    options = (right, wrong) if side == 0 else (wrong, right)
    return ScheduledTrial(
        index=index,
        phase=phase,
        block=block,
        trial=index,
        attempt=attempt,
        condition=template.condition,
        item=template.item,
        source_image=template.source_a if a_is_right else template.source_b,
        n_options=2,
        option_order=options,
        stimuli={
            "strong": tuple(shuffled(template.strong, rng)),
            "weak": tuple(shuffled(template.weak, rng)),
            "options": options,
        }
        | ({"visualization": (template.visualization,)} if template.visualization else {}),
        correct_response=str(side),
        columns={
            "class_id": template.class_id,
            "concept_id": template.concept_id,
            "atlas_hash": template.atlas_hash,
            "layer": template.layer,
            "basis": template.basis,
            "strength_strong": strong,
            "strength_weak": weak,
            "strength_gap": (strong - weak) / template.scale,
            **own,
        },
        display={
            "strong_side": strong_side,
            "labels": {
                "question": design.question,
                "strong": design.label_strong,
                "weak": design.label_weak,
            },
            "confidence_steps": session.confidence_steps,
            "start_delay_ms": session.start_delay_ms,
            "feedback": session.feedback,
            "feedback_ms": session.feedback_ms,
        },
    )
