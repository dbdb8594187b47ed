"""A browser without a window: cookies, forms, JSON, and patience with a server that fails."""

from __future__ import annotations

import html
import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from lens_core.atlas import LensError

TRIES = 8
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 8.0
TIMEOUT_S = 30.0

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
BOOT = re.compile(r'id="boot">(.*?)</script>', re.DOTALL)
HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL)


@dataclass(frozen=True)
class Reply:
    """What came back, after redirects.

    Attributes
    ----------
    url : where it came from in the end.
    """

    status: int
    url: str
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def page(self) -> str:
        """Last part of the address: which page of the study this is; empty for its front door."""
        return urlsplit(self.url).path.rsplit("/", 1)[-1]

    @property
    def heading(self) -> str:
        """What the page says on top."""
        found = HEADING.search(self.text)
        return html.unescape(re.sub(r"<[^>]+>|\s+", " ", found[1])).strip() if found else ""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty if it is none."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}


class Lost(Exception):
    """No reply, or one that says that the server failed: what was sent may have arrived or not."""


class Browser:
    """One person's browser.

    Parameters
    ----------
    root : address of the server.
    wait : sleeps so many seconds; for tests.
    """

    def __init__(self, root: str, wait: Callable[[float], None] = time.sleep) -> None:
        self.root = root.rstrip("/")
        self._wait = wait
        cookies = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def once(self, request: urllib.request.Request) -> Reply:
        """Send a request a single time.

        Raises
        ------
        Lost
            If nothing came back that tells whether it was carried out.
        """
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as reply:
                return Reply(reply.status, reply.url, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                reply = Reply(error.code, error.url, error.read())
            if error.code >= 500 or error.code in (408, 425, 429):
                raise Lost(f"status {error.code}") from error
            return reply
        except (OSError, http.client.HTTPException) as error:
            raise Lost(str(error) or type(error).__name__) from error

    def insist(self, request: urllib.request.Request) -> Reply:
        """Send a request until it is answered: only for what may arrive twice.

        Raises
        ------
        LensError
            If the server does not answer for about half a minute.
        """
        for attempt in range(TRIES):
            try:
                return self.once(request)
            except Lost as lost:
                reason = str(lost)
            if attempt + 1 < TRIES:
                self._wait(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt))
        raise LensError(
            f"{request.full_url} does not answer ({reason}): is the server running there?"
        )

    def get(self, path: str) -> Reply:
        """A page, a picture, or the API's reply."""
        return self.insist(urllib.request.Request(self.address(path)))

    def post_form(self, page: Reply, fields: Mapping[str, str]) -> None:
        """Fill in a page's form and send it once. Whether it arrived is seen from where one is
        afterwards, so that nothing that counts (a try at the quiz) is sent twice.

        Raises
        ------
        LensError
            If the page has no form.
        """
        token = TOKEN.search(page.text)
        if token is None:
            raise LensError(f"{page.url} has no form: is this a LENS Lab server of this version?")
        try:
            self.once(self._form(page.url, html.unescape(token[1]), fields))
        except Lost:
            self._wait(FIRST_WAIT_S)

    def press(self, path: str, csrf: str) -> Reply:
        """Press a button that does the same however often it is pressed."""
        return self.insist(self._form(self.address(path), csrf, {}))

    def _form(self, url: str, csrf: str, fields: Mapping[str, str]) -> urllib.request.Request:
        content = urlencode({"csrf_token": csrf, **fields}).encode()
        return urllib.request.Request(url, content, self._origin())

    def post_json(self, path: str, body: Mapping[str, Any], csrf: str) -> Reply:
        """Send to the API, where the same post again does nothing."""
        headers = {
            **self._origin(),
            "Content-Type": "application/json",
            "X-CSRFToken": csrf,
        }
        content = json.dumps(body).encode()
        return self.insist(urllib.request.Request(self.address(path), content, headers))

    def address(self, path: str) -> str:
        """A path of this server as a whole address."""
        return urljoin(f"{self.root}/", path)

    def _origin(self) -> dict[str, str]:
        # With https the server compares the address that a form was on.
        return {"Referer": f"{self.root}/"}


def boot_of(page: Reply) -> dict[str, Any]:
    """What the task page tells its script.

    Raises
    ------
    LensError
        If the page has no such part.
    """
    found = BOOT.search(page.text)
    if found is None:
        raise LensError(f"{page.url} is no task page of this version ({page.heading!r})")
    content: dict[str, Any] = json.loads(found[1])
    return content
