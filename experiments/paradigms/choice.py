"""The paradigms of kind ``choice``: everything but where their stimuli come from.

A trial has panels of pictures, a picture that is asked about, and answers (pictures, groups of
pictures, words, a scale, a text). A paradigm is then a configuration, a function that builds its
templates, and whatever it wants otherwise: the order of trials (:meth:`ChoiceTask.blocks`), what is
asked for (:meth:`ChoiceTask.ask`), columns that depend on the answer
(:meth:`~experiments.paradigms.choice_trials.ChoiceTrials.answered`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from experiments.design import PictureDesign
from experiments.paradigms.asking import Ask, confidence_answers, public_confidence
from experiments.paradigms.base import AskedTrial, Paradigm, Percept
from experiments.paradigms.choice_template import ChoiceTemplate, choice_pool
from experiments.paradigms.choice_trials import ChoiceTrials
from experiments.paradigms.ordering import Block, Placed, placed, plain_blocks
from experiments.schedule import ScheduledTrial, generator, shuffled

if TYPE_CHECKING:
    from experiments.audit import Finding
    from experiments.study import Study


class ChoiceDesign(PictureDesign):
    """Fields that all paradigms of this kind have.

    Attributes
    ----------
    n_trials, n_catch : of one participant; a condition within people gets its share.
    n_practice : trials of practice, repeated until all are right.
    question : above every trial that has none of its own.
    """

    n_trials: int = Field(default=12, ge=1)
    n_catch: int = Field(default=1, ge=0)
    n_practice: int = Field(default=2, ge=0)
    question: str = "Which one fits?"

    @property
    def n_shown(self) -> int:
        return self.n_trials + self.n_catch + self.n_practice


class ChoiceTask(ChoiceTrials, Paradigm):
    """See the module."""

    def ask(self, study: Study, template: ChoiceTemplate) -> Ask:
        """What a trial asks for."""
        return Ask()

    def blocks(self, study: Study, cell: str, seed: int) -> Sequence[Block]:
        """What comes after practice."""
        design = choice_design(study)
        return plain_blocks(
            choice_pool(study),
            conditions_met(study, cell, seed),
            seed,
            n_trials=design.n_trials,
            n_catch=design.n_catch,
            n_blocks=design.n_blocks,
        )

    def explanation(self, template: ChoiceTemplate, place: int | None) -> str:
        """What feedback adds once the answer is saved; ``place`` is where the right one stood."""
        if place is None or len(template.options) < 3 or template.options[0].label:
            return ""
        return f"It was number {place + 1}."

    def stimuli_of(self, template: Mapping[str, Any]) -> list[str]:
        return list(ChoiceTemplate.from_row(template).stimuli)

    def schedule(self, study: Study, cell: str, seed: int) -> tuple[ScheduledTrial, ...]:
        trials = list(self.practice(study, cell, seed, attempt=1, first_index=0))
        for number, block in enumerate(self.blocks(study, cell, seed), start=1):
            for each in block.trials:
                trials.append(
                    self.scheduled(
                        study, each, seed, index=len(trials), block=number, session=block.session
                    )
                )
        return tuple(trials)

    def practice(
        self, study: Study, cell: str, seed: int, *, attempt: int, first_index: int
    ) -> tuple[ScheduledTrial, ...]:
        condition = conditions_met(study, cell, seed)[0]
        rng = generator(seed, "practice", attempt)
        there = choice_pool(study).by_use[condition, "practice"]
        chosen = placed(there[: choice_design(study).n_practice], "practice", rng)
        return tuple(
            self.scheduled(
                study, each, seed, index=first_index + number, block=0, session=1, attempt=attempt
            )
            for number, each in enumerate(chosen)
        )

    def scheduled(
        self,
        study: Study,
        each: Placed,
        seed: int,
        *,
        index: int,
        block: int,
        session: int,
        attempt: int = 1,
    ) -> ScheduledTrial:
        """A template as one participant gets it."""
        template, settings = each.template, study.config.session
        rng = generator(seed, "order of pictures", index)
        right_name = "" if each.phase == "training" else study.key.get(template.template, "")
        names = [option.name for option in template.options]
        if self.option_order == "trial":  # else words and the like keep their places
            order = shuffled(template.options, rng)
            if right_name in names:
                right = template.options[names.index(right_name)]
                order = [option for option in order if option is not right]
                order.insert(each.place, right)
            elif len(order) == 2:  # no answer is right: what an option is called has its side
                order = sorted(order, key=lambda option: option.name, reverse=each.place == 1)
        else:
            order = list(template.options)
            if self.option_order == "participant":
                by_name = sorted(order, key=lambda option: option.name)
                order = shuffled(by_name, generator(seed, "order of options"))
        answers = [option.label or str(place) for place, option in enumerate(order)]
        place = next((p for p, option in enumerate(order) if option.name == right_name), None)
        ask = self.ask(study, template)
        correct = right_name if place is None else answers[place]
        panels = [
            {"label": panel.label, "folded": panel.folded, "slot": f"panel-{number}"}
            for number, panel in enumerate(template.panels)
        ]
        stimuli = {
            f"panel-{number}": tuple(shuffled(panel.stimuli, rng))
            for number, panel in enumerate(template.panels)
        } | {f"option-{p}": tuple(shuffled(o.stimuli, rng)) for p, o in enumerate(order)}
        if template.query:
            stimuli["query"] = (template.query,)
        return ScheduledTrial(
            index=index,
            phase=each.phase,
            block=block,
            trial=index,
            attempt=attempt,
            session=session,
            condition=template.condition,
            item=template.item,
            source_image=template.source_image,
            n_options=len(order),
            option_order=tuple(option.name for option in order),
            stimuli=stimuli,
            correct_response=correct,
            columns={**template.columns, **self.columns_of(template, [o.name for o in order])},
            display={
                "template": template.template,
                "question": template.question or choice_design(study).question,
                "caption": template.caption,
                "panels": panels,
                "labels": [option.label for option in order],
                "answers": answers,
                "ask": ask.to_dict(),
                "confidence": None
                if ask.kind == "continue"
                else public_confidence(settings, len(order)),
                "start_delay_ms": settings.start_delay_ms,
                # Practice is repeated until it is right, so it says what is.
                "feedback": bool(correct) and (settings.feedback or each.phase == "practice"),
                "feedback_ms": settings.feedback_ms,
                "explanation": self.explanation(template, place),
            },
        )

    def columns_of(self, template: ChoiceTemplate, order: Sequence[str]) -> Mapping[str, Any]:
        """Columns that depend on the order of the options, given by their names."""
        return {}

    def percept(self, trial: ScheduledTrial, study: Study) -> Percept:
        template = choice_pool(study).by_name[trial.display["template"]]
        ask = Ask.from_dict(trial.display["ask"])
        by_name = {option.name: option for option in template.options}
        order = [by_name[name] for name in trial.option_order]
        if ask.kind == "choice":
            strengths = tuple(option.evidence for option in order)
        elif ask.kind == "continue":
            strengths = (0.0,)
        else:
            n_answers = ask.points or max(1, len(ask.words))
            strengths = template.evidence or (0.0,) * n_answers
        return Percept(
            strengths=strengths,
            seen_among_references=tuple(o.seen for o in order) or (0,) * len(strengths),
            item=trial.item,
            condition=trial.condition,
            phase=trial.phase,
            attempt=trial.attempt,
            confidence_steps=confidence_answers(trial.display["confidence"]),
            asks=ask.kind,
        )

    def asked(self, study: Study, condition: str) -> tuple[AskedTrial, ...]:
        tests = choice_pool(study).by_use[condition, "test"]
        if any(not study.key.get(t.template) or len(t.options) < 2 for t in tests):
            return ()
        per_item = Counter(template.item for template in tests)
        total = len(per_item)
        found = []
        for template in tests:
            right = study.key[template.template]
            mine = next(o.evidence for o in template.options if o.name == right)
            best = max(o.evidence for o in template.options if o.name != right)
            share = 1 / per_item[template.item] / total
            found.append(AskedTrial(mine - best, share, len(template.options)))
        return tuple(found)

    def audit(self, study: Study) -> list[Finding]:
        from experiments.paradigms.choice_audit import audit_choice

        return audit_choice(study)


def choice_design(study: Study) -> ChoiceDesign:
    """The design, with the fields that all paradigms of this kind have."""
    assert isinstance(study.config.design, ChoiceDesign)
    return study.config.design


def conditions_met(study: Study, cell: str, seed: int) -> list[str]:
    """Conditions that one participant meets, in order."""
    if cell in study.conditions:
        return [cell]
    return shuffled(study.conditions, generator(seed, "order of conditions"))
