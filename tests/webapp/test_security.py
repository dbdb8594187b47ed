"""What every reply carries, what every request is held to, and what strangers get."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from flask import Flask

import webapp
from experiments.study import Study
from lens_core.atlas import LensError
from tests.webapp.person import Person
from webapp import create_app, markdown
from webapp.config import ServerConfig, normal_url, read_config
from webapp.database import Database

PATHS = (
    "/",
    "/health",
    "/ready",
    "/nowhere",
    "/study/strong-weak/",
    "/study/strong-weak/consent",
    "/console/",
    "/console/login",
    "/api/v1/session/x",
    "/static/css/tokens.css",
)


@pytest.mark.parametrize("path", PATHS)
def test_every_reply_is_protected(app: Flask, path: str) -> None:
    reply = app.test_client().get(path)
    policy = reply.headers["Content-Security-Policy"]
    for rule in (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "same-origin"


def test_pages_hold_nothing_that_the_policy_forbids(person: Person) -> None:
    person.begin()
    for reply in person.seen:
        assert " style=" not in reply.text
        assert " onclick=" not in reply.text
        for script in reply.text.split("<script")[1:]:
            assert "src=" in script.split(">")[0] or 'type="application/json"' in script


def test_cookies(app: Flask, config: ServerConfig, database: Database, study: Study) -> None:
    cookie = app.test_client().get(f"/study/{study.name}/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    behind = create_app(config.model_copy(update={"https": True}), database)
    reply = behind.test_client().get(f"/study/{study.name}/", base_url="https://localhost")
    assert "Secure" in reply.headers["Set-Cookie"]
    assert "max-age" in reply.headers["Strict-Transport-Security"]


def test_forms_need_their_token(person: Person) -> None:
    person.arrive()
    forged = person.client.post(f"{person.home}/consent", data={"agree": "yes", "age": "yes"})
    assert forged.status_code == 400
    assert "reload" in forged.text


def test_the_api_needs_the_token(person: Person) -> None:
    person.begin()
    reply = person.client.post(f"{person.api}/trials/0", json=person.body())
    assert (reply.status_code, reply.get_json()) == (400, {"error": "csrf"})


def test_a_token_is_good_for_its_own_browser_alone(
    person: Person, app: Flask, study: Study
) -> None:
    person.begin()
    other = Person(app.test_client(), study)
    other.begin()
    token = other.boot["csrf"]
    reply = person.client.post(
        f"{person.api}/trials/0", json=person.body(), headers={"X-CSRFToken": token}
    )
    assert (reply.status_code, reply.get_json()) == (400, {"error": "csrf"})
    beacon = {"events": [], "csrf_token": token}
    assert person.client.post(f"{person.api}/events", json=beacon).status_code == 400
    form = {"csrf_token": token, "sure": "yes"}
    assert person.client.post(f"{person.home}/withdraw", data=form).status_code == 400
    assert person.answer(0).status_code == 200


@pytest.mark.parametrize(
    ("page", "status"),
    [("https://localhost/x", 200), ("https://evil.example/", 400), ("http://localhost/", 400)],
)
def test_over_https_the_page_that_sends_is_looked_at(
    person: Person, page: str, status: int
) -> None:
    person.begin()
    reply = person.client.post(
        f"{person.api}/trials/0",
        json=person.body(),
        base_url="https://localhost",
        headers={"X-CSRFToken": person.boot["csrf"], "Referer": page},
    )
    assert reply.status_code == status


def test_trusted_hosts(config: ServerConfig, database: Database) -> None:
    app = create_app(config.model_copy(update={"trusted_hosts": ("lab.example",)}), database)
    client = app.test_client()
    assert client.get("/health", base_url="http://lab.example").status_code == 200
    assert client.get("/health", base_url="http://evil.example").status_code == 400


def test_what_went_wrong_is_a_page(app: Flask) -> None:
    client = app.test_client()
    for path, code in (("/nowhere", 404), ("/study/none/", 404), ("/console/logout", 405)):
        reply = client.get(path)
        assert reply.status_code == code
        assert "<h1>" in reply.text
        assert "Traceback" not in reply.text
    assert client.get("/atlas/none/").status_code == 404


def test_a_database_out_of_order_is_said_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_app(ServerConfig(directory=tmp_path / "no tables")).test_client()
    page = client.get("/study/strong-weak/")
    assert page.status_code == 503
    assert "Nothing that was saved is lost" in page.text
    reply = client.get("/api/v1/session/x")
    assert (reply.status_code, reply.get_json()) == (503, {"error": "database"})
    assert len(caplog.messages) == 2
    for line in caplog.messages:
        assert line == f"the database cannot be asked: {line.split(': ', 1)[1]}"
        assert "no such table" in line
        assert "SELECT" not in line
    assert not any(record.exc_info for record in caplog.records)


def test_bodies_have_a_size(person: Person, config: ServerConfig) -> None:
    person.begin()
    reply = person.send("/trials/0", person.body(response={"x": "y" * config.body_kib * 1024}))
    assert reply.status_code == 413
    assert reply.is_json


def test_cookies_cannot_be_made_up(app: Flask, person: Person) -> None:
    person.begin()
    cookie = person.client.get_cookie("lens")
    assert cookie is not None
    stranger = app.test_client()
    stranger.set_cookie("lens", cookie.value[:-3] + "abc")
    assert stranger.get(person.api).status_code == 404


def test_no_page_is_made_from_text_that_people_edit() -> None:
    """Texts of a study are values in our templates and never templates themselves."""
    paths = (Path(__file__).parents[2] / "webapp").rglob("*.py")
    sources = {path: path.read_text("utf-8") for path in paths if "frontend" not in path.parts}
    assert len(sources) > 50
    made = [
        path.name
        for path, source in sources.items()
        if re.search(r"render_template_string|from_string", source)
    ]
    assert made == []
    assert "{{ 7 * 7 }}" in markdown.render("{{ 7 * 7 }} {% raw %}")


def test_no_template_lets_markup_through(app: Flask) -> None:
    """What people send or researchers write is a value; values are escaped in each template."""
    folders = (Path(webapp.__file__).parent / each for each in ("participant", "researcher", "."))
    pages = [page for each in folders for page in (each / "templates").rglob("*.html")]
    assert len(pages) > 25
    assert callable(app.jinja_env.autoescape)
    for page in pages:
        assert app.jinja_env.autoescape(page.name), page
        assert not re.search(r"\|\s*safe\b|autoescape", page.read_text("utf-8")), page
    scripts = Path(webapp.__file__).parent / "frontend" / "src"
    for script in (*scripts.glob("participant/**/*.ts"), *scripts.glob("pages/*.ts")):
        text = script.read_text("utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text), (
            script
        )


def test_chance_that_guards_something_is_the_systems() -> None:
    """No code, secret or name comes from a generator that can be followed."""
    home = Path(webapp.__file__).parent
    made = re.compile(r"^\s*(import random|from random)|default_rng", re.MULTILINE)
    used = {
        path.relative_to(home).as_posix()
        for path in home.rglob("*.py")
        if "frontend" not in path.parts and made.search(path.read_text("utf-8"))
    }
    # A visitor's random class; the tie between equally filled cells, which can be drawn again.
    assert used == {"explorer/views.py", "services/assignment.py"}


def test_html_in_addresses_is_text(app: Flask) -> None:
    for path in ("/study/<script>x</script>/", "/console/login?next=<script>x</script>"):
        assert "<script>x" not in app.test_client().get(path).text


def test_health_and_readiness(app: Flask, tmp_path: Path) -> None:
    assert app.test_client().get("/health").get_json() == {"status": "ok"}
    assert app.test_client().get("/ready").get_json()["status"] == "ok"
    bare = create_app(ServerConfig(directory=tmp_path / "bare")).test_client()
    assert bare.get("/health").status_code == 200
    assert bare.get("/ready").status_code == 503


def test_the_key_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    config = ServerConfig(directory=tmp_path / "server")
    key = config.secret_key()
    file = config.directory / "secret_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert config.secret_key() == key
    assert [path.name for path in config.directory.iterdir()] == ["secret_key"]
    file.write_bytes(b"cut")
    with pytest.raises(LensError, match="too short"):
        config.secret_key()


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    config = read_config(
        tmp_path,
        {
            "DATABASE_URL": "postgres://me@host/db",
            "LENS_HTTPS": "1",
            "LENS_PROXIES": "1",
            "LENS_TRUSTED_HOSTS": "a.example, b.example",
        },
    )
    assert config.url == "postgresql+psycopg://me@host/db"
    assert (config.https, config.proxies) == (True, 1)
    assert config.trusted_hosts == ("a.example", "b.example")
    assert read_config(tmp_path, {}).url.startswith("sqlite:///")
    assert normal_url("sqlite:///x.db") == "sqlite:///x.db"
    with pytest.raises(LensError, match="proxies"):
        read_config(tmp_path, {"LENS_PROXIES": "many"})


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "oracle://x"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(LensError, match="DATABASE_URL"):
        Database(url)
