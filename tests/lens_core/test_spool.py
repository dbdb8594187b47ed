"""The folder between a web server and a worker: whole or nothing, taken once, swept away."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from lens_core.atlas import LensError
from lens_core.atlas import spool as limits
from lens_core.atlas.spool import Answer, Spool, SpoolFull, Worker, is_token

ATLAS = "sha256:a"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "crops")


def _age(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    for file in folder.rglob("*.*"):
        os.utime(file, (then, then))


def test_a_question_is_put_taken_and_answered(spool: Spool) -> None:
    token = spool.ask(b"picture", ATLAS)
    assert is_token(token)
    assert spool.state(token) == "waiting"
    assert spool.take(frozenset({"sha256:b"})) is None, "another atlas's worker leaves it"
    taken = spool.take(frozenset({ATLAS}))
    assert taken is not None
    assert (taken[0], taken[1].atlas_hash, taken[2]) == (token, ATLAS, b"picture")
    assert spool.state(token) == "claimed"
    assert not list(spool.folder.rglob("*.png")), "the picture is gone as soon as it is taken"
    spool.reply(token, Answer(atlas_hash=ATLAS, seconds=1.5))
    assert spool.state(token) == "answered"
    assert spool.answer(token) == Answer(atlas_hash=ATLAS, seconds=1.5)
    assert [f.parent.name for f in spool.folder.rglob("*.json")] == ["answers"]


def test_many_workers_take_each_question_once(spool: Spool) -> None:
    tokens = {spool.ask(b"p", ATLAS) for _ in range(20)}
    taken: list[str] = []

    def work() -> None:
        while (found := spool.take(frozenset({ATLAS}))) is not None:
            taken.append(found[0])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(tokens)


def test_the_oldest_is_taken_first(spool: Spool) -> None:
    first = spool.ask(b"p", ATLAS)
    _age(spool.folder, 10)
    spool.ask(b"p", ATLAS)
    taken = spool.take(frozenset({ATLAS}))
    assert taken is not None
    assert taken[0] == first


@pytest.mark.parametrize(
    ("state", "longest"),
    [("waiting", limits.WAIT_S), ("claimed", limits.WORK_S), ("answers", limits.KEEP_S)],
)
def test_what_is_over_is_swept_away(spool: Spool, state: str, longest: float) -> None:
    token = spool.ask(b"p", ATLAS)
    if state != "waiting":
        spool.take(frozenset({ATLAS}))
    if state == "answers":
        spool.reply(token, Answer(atlas_hash=ATLAS))
    _age(spool.folder, longest - 5)
    spool.sweep()
    assert spool.state(token) != "gone"
    _age(spool.folder, longest + 5)
    spool.sweep()
    assert spool.state(token) == "gone"
    assert not [file for file in spool.folder.rglob("*") if file.is_file()]


def test_no_more_wait_than_can_be_answered(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AT_MOST", 2)
    spool.ask(b"p", ATLAS)
    spool.ask(b"p", ATLAS)
    with pytest.raises(SpoolFull):
        spool.ask(b"p", ATLAS)
    with pytest.raises(LensError, match="too large"):
        spool.ask(bytes(limits.MAX_PICTURE_BYTES + 1), ATLAS)


def test_a_worker_that_is_not_heard_of_does_not_count(spool: Spool) -> None:
    assert spool.workers(ATLAS) == ()
    worker = Worker(model="tiny", atlases=(ATLAS,))
    spool.beat("me", worker)
    assert spool.workers(ATLAS) == (worker,)
    assert spool.workers("sha256:b") == ()
    _age(spool.folder, 60)
    assert spool.workers(ATLAS) == ()
    spool.beat("me", worker)
    spool.leave("me")
    assert spool.workers(ATLAS) == ()


@pytest.mark.parametrize(
    "token", ["", "../answers/x", "A" * 24, "0" * 23, "0" * 24 + "\n", "é" * 24]
)
def test_what_is_no_token_is_no_file(spool: Spool, token: str) -> None:
    assert not is_token(token)
    assert spool.state(token) == "gone"
    assert spool.answer(token) is None


def test_files_that_say_something_else_are_passed_over(spool: Spool) -> None:
    token = spool.ask(b"p", ATLAS)
    (spool.folder / "waiting" / f"{token}.json").write_text('{"atlas_hash": 7}')
    (spool.folder / "waiting" / "notes.json").write_text("hello")
    assert spool.take(frozenset({ATLAS})) is None
    (spool.folder / "answers").mkdir()
    (spool.folder / "answers" / f"{token}.json").write_text("[]")
    assert spool.answer(token) is None
