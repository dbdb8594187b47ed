"""Explorers for browser tests: served, walked through, and opened without a complaint."""

from __future__ import annotations

import http.server
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import Request, urlopen

from flask import Flask
from werkzeug.serving import make_server

from tests.support.html import Page
from webapp.explorer import create_explorer_app
from webapp.explorer.render import STATIC

WIDTHS = (390, 1024, 1440)
SCHEMES = ("light", "dark")
MOST_PAGES = 400
"""Pages that a walk reads; an atlas of a thousand classes has no other kinds of them."""


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The address of an application on a free port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serving_atlases(folders: Sequence[Path], sidecars: Path | None = None) -> Iterator[str]:
    """The address of an explorer of these atlases."""
    assert (STATIC / "dist/explorer.js").is_file(), "not bundled: pip install -e . does it"
    with serving(create_explorer_app(folders, sidecars)) as address:
        yield address


@contextmanager
def plain_host(folder: Path) -> Iterator[str]:
    """A web host that carries files and computes nothing."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Host(http.server.ThreadingHTTPServer):
        request_queue_size = 64  # a page asks for many pictures at once

    server = Host(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def careful_page(chromium: Any, **context: Any) -> Iterator[Any]:
    """A page that fails its test if a script fails or the content policy refuses something."""
    settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **context}
    opened = chromium.new_context(**settings)
    page = opened.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.extend([line.text] * (line.type == "error")))
    yield page
    opened.close()
    assert complaints == []


def kind_of(address: str) -> str:
    """What is alike in the addresses of pages of one kind: ``class/3`` and ``class/310``."""
    path = unquote(urlsplit(address).path).removesuffix(".html")
    return re.sub(r"\d+", "N", path)


def kinds_of_pages(start: str, cookie: str = "", within: str = "") -> dict[str, str]:
    """One address of each kind of page that links lead to from `start`.

    Nothing outside of it, or of the folder that it is in where that is named by `within`.
    """
    found: dict[str, str] = {}
    waiting, seen = [start], {start}
    for _ in range(MOST_PAGES):
        if not waiting:
            break
        address = waiting.pop(0)
        kind = kind_of(address)
        if kind in found:
            continue
        reply = urlopen(Request(address, headers={"Cookie": cookie} if cookie else {}))
        if "text/html" not in reply.headers["Content-Type"]:
            continue
        if kind_of(reply.url) not in (kind, *found):
            waiting.append(reply.url)
        if reply.url == address:
            found[kind] = address
        html = reply.read().decode()
        for link in (attrs["href"] for tag, attrs in Page(html).elements if tag == "a"):
            target = urldefrag(urljoin(reply.url, link)).url
            inside = target.startswith(within or start) and not re.search(
                r"\.(csv|bin|webp)\b", target
            )
            if inside and target not in seen:
                seen.add(target)
                waiting.append(target)
    return found
