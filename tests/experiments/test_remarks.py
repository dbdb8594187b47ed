"""Free text is an option of every task: after each block or at the end, and never counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.audit import audit_study
from experiments.observers import Psychometric
from experiments.schedule import ScheduledTrial, draw_schedule
from experiments.simulate import simulate_one
from experiments.study import Study
from lens_core.atlas import LensError


def asking_for_remarks(study: Study, when: str = "block") -> Study:
    session = study.config.session.model_copy(
        update={"remark": "Anything to add?", "remark_after": when}
    )
    design = study.config.design.model_copy(update={"n_blocks": 2})
    config = study.config.model_copy(update={"session": session, "design": design})
    return Study(study.root, config, study.task)


@pytest.mark.parametrize(("when", "n"), [("block", 2), ("last_block", 1)])
def test_remarks_come_after_blocks(draft: Study, when: str, n: int) -> None:
    study = asking_for_remarks(draft, when)
    trials = draw_schedule(study, study.cells[0], 0)
    remarks = [trial for trial in trials if trial.phase == "remark"]
    assert [trial.index for trial in trials] == list(range(len(trials)))
    assert len(remarks) == n
    assert trials[-1].phase == "remark"
    for remark in remarks:
        assert trials[remark.index - 1].block == remark.block
        told = study.asking(remark).public(remark, lambda stimulus: stimulus)
        assert told["question"] == "Anything to add?"
        assert told["response"] == {"kind": "text", "hint": "", "optional": True}
    plain = draw_schedule(draft, draft.cells[0], 0)
    assert "remark" not in {trial.phase for trial in plain}
    assert [f for f in audit_study(study) if f.level == "error"] == []


def test_a_remark_may_be_empty_but_not_endless(draft: Study) -> None:
    study = asking_for_remarks(draft)
    trial = draw_schedule(study, study.cells[0], 0)[-1]
    task = study.asking(trial)
    assert task.score(trial, {"text": ""}).response == ""
    said = task.score(trial, {"text": "  the  ants were hard "})
    assert (said.response, said.correct) == ("the ants were hard", None)
    for raw in ({"text": "x" * 501}, {"choice": 0}):
        with pytest.raises(LensError):
            task.score(trial, raw)
    other = replace(trial, phase="test")
    assert study.asking(other) is study.task


def test_simulated_people_pass_by(draft: Study, tmp_path: Path) -> None:
    study = asking_for_remarks(draft)
    rows = simulate_one(study, study.cells[0], Psychometric(), 0, 0)[1]
    said = [row for row in rows if row["phase"] == "remark"]
    assert [row["response"] for row in said] == ["nothing to add"] * 2
    assert {row["correct"] for row in said} == {None}
    assert ScheduledTrial.from_dict(draw_schedule(study, study.cells[0], 1)[-1].to_dict())
