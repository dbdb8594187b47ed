"""A cookie's signature is looked into once; its age and its content each time."""

from __future__ import annotations

import time

import pytest
from flask import Flask, session

from webapp.cookies import RememberingCookies

DAY_S = 24 * 3600


def content(app: Flask, cookie: str | None) -> dict[str, object]:
    headers = {} if cookie is None else {"Cookie": f"lens={cookie}"}
    with app.test_request_context(headers=headers):
        return dict(session)


def signed(app: Flask, inside: dict[str, object]) -> str:
    sessions = app.session_interface
    assert isinstance(sessions, RememberingCookies)
    text = sessions.get_signing_serializer(app).dumps(inside)
    assert isinstance(text, str)
    return text


def test_own_cookies_are_read_and_others_are_not(app: Flask) -> None:
    cookie = signed(app, {"participants": {"a": "secret"}})
    for _ in range(2):
        assert content(app, cookie) == {"participants": {"a": "secret"}}
        assert content(app, cookie[:-1] + ("A" if cookie[-1] != "A" else "B")) == {}
    assert content(app, "nonsense") == content(app, None) == {}


def test_what_a_request_changes_is_not_there_for_the_next(app: Flask) -> None:
    cookie = signed(app, {"_flashes": [["message", "one"]]})
    with app.test_request_context(headers={"Cookie": f"lens={cookie}"}):
        session["_flashes"].append(["message", "two"])
    assert content(app, cookie) == {"_flashes": [["message", "one"]]}


def test_a_cookie_grows_old_though_it_is_remembered(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 31 * DAY_S)
    cookie = signed(app, {"participants": {}, "who": "x"})
    monkeypatch.undo()
    assert content(app, cookie) == {}
    fresh = signed(app, {"who": "x"})
    assert content(app, fresh) == {"who": "x"}


def test_a_long_cookie_is_read_and_not_remembered(app: Flask) -> None:
    inside: dict[str, object] = {f"study-{n}": f"{n * 7919:032x}" for n in range(200)}
    assert content(app, signed(app, inside)) == inside
