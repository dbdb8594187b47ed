"""Who earned what, by the rule of the study file."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from experiments.design import Bonus
from experiments.study import Study, config_toml, freeze_study
from lens_core.atlas import Atlas
from tests.support.studies import make_study
from tests.webapp.conftest import DESIGN
from tests.webapp.person import Person, knows
from tests.webapp.test_console import STUDY, Console
from webapp.models import StudyRecord
from webapp.server import Server
from webapp.services.bonuses import amount_of, as_csv, bonuses, words_of

BOTH_DATABASES = True
RULE = Bonus(currency="GBP", completed=0.5, per_correct=0.105, most=1.0)


@pytest.fixture(scope="session")
def study(synthetic_atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The usual study with a bonus in its file."""
    folder = tmp_path_factory.mktemp("studies") / "study"
    made = make_study(folder, synthetic_atlas, name="strong-weak", design=DESIGN, frozen=False)
    completion = made.config.completion.model_copy(update={"bonus": RULE})
    config = made.config.model_copy(update={"completion": completion})
    (folder / "study.toml").write_bytes(config_toml(config))
    freeze_study(folder)
    return Study.open(folder, require_frozen=True)


@pytest.mark.parametrize(
    ("right", "finished", "amount"),
    [
        (0, True, "0.50"),
        (1, True, "0.61"),
        (3, True, "0.82"),
        (40, True, "1.00"),
        (40, False, "0.00"),
    ],
)
def test_amounts_are_those_of_the_rule(right: int, finished: bool, amount: str) -> None:
    assert amount_of(RULE, finished=finished, right=right) == Decimal(amount)


def test_the_rule_in_words() -> None:
    assert words_of(RULE) == (
        "0.5 for finishing and 0.105 for each right answer of a test trial, 1 at most"
    )
    assert words_of(Bonus(currency="EUR")) == "nothing"


def test_the_list_of_the_console(
    app: Flask, server: Server, study: Study, record: StudyRecord, db: Session, with_accounts: None
) -> None:
    finisher, quitter, looker = (Person(app.test_client(), study) for _ in range(3))
    finisher.begin("?PROLIFIC_PID=%3Dcmd()")
    finisher.answer_all(knows(server, finisher))
    finisher.finish()
    quitter.begin()
    quitter.answer(0)
    looker.arrive()
    found = bonuses(db, record, RULE)
    assert [(line.state, line.right, line.amount) for line in found] == [
        ("complete", 6, Decimal("1.00")),
        ("active", 0, Decimal("0.00")),
    ]
    assert "'=cmd()" in as_csv(found)
    console = Console(app.test_client())
    console.log_in("rea")
    assert "bonuses.csv" in console.client.get(STUDY).text
    reply = console.client.get(f"{STUDY}/bonuses.csv")
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [row["amount"] for row in rows] == ["1.00", "0.00"]
    viewer = Console(app.test_client())
    viewer.log_in("vic")
    assert viewer.client.get(f"{STUDY}/bonuses.csv").status_code == 403


def test_the_browser_is_told_of_breaks_and_calibration(person: Person, study: Study) -> None:
    person.begin()
    told = person.session()["settings"]
    assert (told["break_s"], told["calibrate"], told["viewing_cm"]) == (0, False, 57.0)
    assert Path(study.root / "study.toml").read_text().count("per_correct") == 1
