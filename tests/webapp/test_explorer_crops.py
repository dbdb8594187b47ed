"""Searching by a picture: what is let in, what is passed on, what is kept, and what is said."""

from __future__ import annotations

import io
import re
import threading

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from lens_core.atlas import Atlas, LensError
from lens_core.atlas.spool import FOLDER, Answer, Found, Spool, Worker
from tests.support.html import Page
from webapp import create_app
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.explorer import crop_search, uploads
from webapp.explorer.uploads import SIDE_PX, Region, redraw
from webapp.explorer.visitors import Pace

LIKE = "/atlas/synthetic/like"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def picture(
    kind: str = "PNG", size: tuple[int, int] = (80, 60), colour: str = "red", **extra: object
) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **extra)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.fixture
def served(config: ServerConfig, database: Database, synthetic_atlas: Atlas) -> Flask:
    """A server with the synthetic atlas and without a study."""
    config.atlases_dir.mkdir()
    (config.atlases_dir / "synthetic").symlink_to(synthetic_atlas.root)
    return create_app(config, database)


@pytest.fixture
def spool(config: ServerConfig) -> Spool:
    return Spool(config.directory / FOLDER)


@pytest.fixture
def client(served: Flask) -> FlaskClient:
    return served.test_client()


@pytest.fixture
def worker(served: Flask, spool: Spool, synthetic_atlas: Atlas) -> None:
    """Somebody who says that they would answer, and does not yet."""
    spool.beat("test", Worker(model="synthetic", atlases=(synthetic_atlas.hash,)))


def send(client: FlaskClient, data: bytes | None, name: str = "a.png", **fields: str):  # type: ignore[no-untyped-def]
    found = TOKEN.search(client.get(LIKE).text)
    assert found is not None
    form: dict[str, object] = {"csrf_token": found[1], **fields}
    if data is not None:
        form["picture"] = (io.BytesIO(data), name)
    return client.post(f"{LIKE}/crop", data=form, content_type="multipart/form-data")


def test_without_a_worker_the_page_says_what_to_start(client: FlaskClient, spool: Spool) -> None:
    page = Page(client.get(LIKE).text)
    assert page.faults == []
    assert "No worker is running" in page.words()
    assert "lens worker --dir SERVER_DIR --model synthetic" in page.words()
    answer = send(client, picture())
    assert answer.status_code == 503
    assert not spool.folder.exists(), "nothing is kept that nobody will look at"


@pytest.mark.usefixtures("worker")
def test_from_the_picture_to_the_concepts(
    client: FlaskClient, spool: Spool, synthetic_atlas: Atlas
) -> None:
    answer = send(client, picture("JPEG", (900, 700), comment=b"secret"), "bee.jpg")
    assert answer.status_code == 303
    address = answer.location
    assert re.fullmatch(r"(\.\./)?(like/)?crop/[0-9a-f]{24}|\.\./like/crop/[0-9a-f]{24}", address)
    token = address.rpartition("/")[2]
    page = Page(client.get(f"{LIKE}/crop/{token}").text)
    assert page.faults == []
    assert "Waiting for the worker" in page.words()
    state = client.get(f"{LIKE}/crop/{token}.json")
    assert state.get_json() == {"state": "waiting", "worker": True}
    assert state.headers["Cache-Control"] == "no-store"

    taken = spool.take(frozenset({synthetic_atlas.hash}))
    assert taken is not None
    with Image.open(io.BytesIO(taken[2])) as drawn:
        assert (drawn.format, drawn.size) == ("PNG", (SIDE_PX, SIDE_PX))
    assert b"secret" not in taken[2]
    assert client.get(f"{LIKE}/crop/{token}.json").get_json()["state"] == "claimed"

    found = tuple(
        Found(dictionary=name, class_id=i, concept_id=f"{name}-{k}", value=1, share=x, strength=1)
        for name, i, k, x in (
            ("concepts", 1, 2, 0.62),
            ("units", 0, 1, 0.2),
            ("concepts", 9, 0, 0.1),
        )
    )
    reply = Answer(atlas_hash=synthetic_atlas.hash, predicted=(("bee", 0.9),), found=found)
    spool.reply(token, reply)
    done = client.get(f"{LIKE}/crop/{token}")
    page = Page(done.text)
    assert page.faults == []
    assert "Bee (90 %)" in page.words()
    assert "62 %" in page.words()
    assert [link["href"] for link in page.of_class("near-link")] == [
        "../../class/1#concepts-2", "../../class/0/units#units-1",
    ]  # fmt: skip
    assert done.headers["Cache-Control"] == "no-store"
    assert "img-src 'self' data: blob:" in done.headers["Content-Security-Policy"]


REFUSED = (
    (None, "Choose a picture first"),
    (b"", "no picture that can be read"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture that can be read"),
    (picture("TIFF"), "no picture that can be read"),
    (picture()[:50], "no picture that can be read"),
    (picture("PNG", (9000, 5000)), "more than 40 megapixels"),
)


@pytest.mark.usefixtures("worker")
def test_what_is_no_picture_is_refused(client: FlaskClient, spool: Spool) -> None:
    for data, words in REFUSED:
        answer = send(client, data)
        assert answer.status_code == 400, words
        page = Page(answer.text)
        assert words in page.words()
        assert page.faults == []
    assert not list(spool.folder.glob("waiting/*"))


@pytest.mark.usefixtures("worker")
def test_forged_and_oversized_requests_are_refused(client: FlaskClient) -> None:
    form = {"picture": (io.BytesIO(picture()), "a.png")}
    assert client.post(f"{LIKE}/crop", data=form).status_code == 400, "no token"
    assert send(client, bytes(9 * 2**20)).status_code == 413
    for token in ("x", "0" * 24, "..%2F..%2Flens.db"):
        assert client.get(f"{LIKE}/crop/{token}").status_code == 404
    assert client.get(f"{LIKE}/crop/{'0' * 24}.json").get_json()["state"] == "gone"


@pytest.mark.usefixtures("worker")
def test_nobody_asks_too_often_and_too_many_do_not_wait(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [send(client, picture()).status_code for _ in range(crop_search.TIMES + 1)]
    assert answers == [303] * crop_search.TIMES + [429]
    monkeypatch.setattr("lens_core.atlas.spool.AT_MOST", 1)
    monkeypatch.setattr(Pace, "allows", lambda *_: True)
    full = send(client, picture())
    assert full.status_code == 503
    assert "Too many pictures wait already" in Page(full.text).words()


@pytest.mark.usefixtures("worker")
def test_a_failure_and_a_new_atlas_are_told(
    client: FlaskClient, spool: Spool, synthetic_atlas: Atlas
) -> None:
    token = send(client, picture()).location.rpartition("/")[2]
    spool.reply(token, Answer(atlas_hash=synthetic_atlas.hash, error="the picture cannot be read"))
    page = Page(client.get(f"{LIKE}/crop/{token}").text)
    assert "Nothing was found: the picture cannot be read." in page.words()
    spool.reply(token, Answer(atlas_hash="sha256:older"))
    assert "built anew since then" in Page(client.get(f"{LIKE}/crop/{token}").text).words()


@pytest.mark.parametrize(
    ("region", "box"),
    [
        (Region(), (100, 0, 300, 200)),
        (Region(0, 0, 0.5), (0, 0, 100, 100)),
        (Region(1, 1, 1), (200, 0, 400, 200)),
        (Region(0.5, 0.5, 0), (195, 95, 205, 105)),
    ],
)
def test_a_region_is_a_square_within_the_picture(
    region: Region, box: tuple[float, float, float, float]
) -> None:
    assert region.box(400, 200) == pytest.approx(box)


def test_the_piece_that_is_framed_is_the_one_that_is_sent() -> None:
    whole = Image.new("RGB", (400, 200), "red")
    whole.paste("blue", (300, 0, 400, 100))
    out = io.BytesIO()
    whole.save(out, "PNG")
    with Image.open(io.BytesIO(redraw(out.getvalue(), Region(0.875, 0.25, 0.5)))) as drawn:
        assert drawn.size == (100, 100)
        assert drawn.getcolors() == [(100 * 100, (0, 0, 255))]


def test_a_photograph_on_its_side_is_turned_upright() -> None:
    sideways = Image.new("RGB", (40, 20), "red")
    sideways.paste("blue", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° to see it upright
    out = io.BytesIO()
    sideways.save(out, "PNG", exif=exif)
    with Image.open(io.BytesIO(redraw(out.getvalue(), Region(0.5, 0.0, 1.0)))) as drawn:
        assert drawn.getpixel((10, 10)) == (0, 0, 255)
        assert not drawn.info.get("exif")


def test_a_bomb_is_refused_before_it_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_PIXELS", 100)
    with pytest.raises(LensError, match="megapixels"):
        redraw(picture(size=(11, 10)), Region())


def test_pace_forgets_and_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("webapp.explorer.visitors.time.monotonic", lambda: now)
    monkeypatch.setattr("webapp.explorer.visitors.AT_MOST", 3)
    pace = Pace(2, 60)
    assert [pace.allows("a") for _ in range(3)] == [True, True, False]
    assert pace.allows("b")
    now = 61.0
    assert pace.allows("a")
    for address in "cdef":
        pace.allows(address)
    assert len(pace._seen) == 3


def test_many_at_once_are_counted_once_each() -> None:
    pace = Pace(10, 60)
    allowed: list[bool] = []
    threads = [threading.Thread(target=lambda: allowed.append(pace.allows("a"))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 10
