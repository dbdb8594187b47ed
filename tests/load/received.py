"""Everything that a browser receives before an answer, but for the pixels, as numbers.

What is read: the pages' and replies' headers and lengths, the served trial with the names of its
pictures, the headers, size and container of each picture's file, how long each reply took, and what
the same names were in earlier trials. Pixels are what the trial shows; so is the compressed picture
inside a file, and how much of a file it fills, since anybody can compress a picture again.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from experiments.rehearsal.pictures import name_in, unpack

Features = dict[str, float]

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
BOOT = re.compile(r'id="boot">(.*?)</script>', re.DOTALL)
CONTAINER_BYTES = 30
"""Of a WebP file before its picture: sizes, kind of layout, dimensions."""


@dataclass(frozen=True)
class Received:
    """One reply as it came over the wire."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float

    def header(self, name: str) -> str:
        """A header's value, empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


@dataclass(frozen=True)
class Seen:
    """One trial as the browser had it, and what it did not know.

    Attributes
    ----------
    trial : as served.
    replies : task page, the reply that held the trial, and the reply to the answer before.
    pictures : address to reply.
    earlier : address to how often it had which role in earlier trials of this person.
    counted : right answers at position 0 minus those at position 1 so far, as feedback told.
    """

    person: int
    trial: Mapping[str, Any]
    replies: Mapping[str, Received]
    pictures: Mapping[str, Received]
    earlier: Mapping[str, Mapping[str, int]]
    counted: int
    key: int = -1
    condition: str = ""


class Wire:
    """A browser that keeps all that it receives.

    Parameters
    ----------
    host, port : of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=600)
        self._cookie = ""
        self._cached: dict[str, Received] = {}

    def request(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Received:
        """Send one request; redirects are not followed."""
        sent = {"Cookie": self._cookie, **(headers or {})}
        begun = time.perf_counter()
        self._connection.request("GET" if body is None else "POST", path, body, sent)
        reply = self._connection.getresponse()
        content = reply.read()
        found = Received(
            reply.status, tuple(reply.getheaders()), content, time.perf_counter() - begun
        )
        if found.header("Set-Cookie"):
            self._cookie = found.header("Set-Cookie").split(";")[0]
        return found

    def page(self, path: str) -> Received:
        """A page, after redirects."""
        found = self.request(path)
        while found.status in (302, 303):
            found = self.request(found.header("Location"))
        return found

    def bundle(self, path: str) -> Received:
        """Many pictures in one reply; each of them is in the browser's memory then."""
        found = self.request(path)
        for name, content in unpack(found.body).items():
            self._cached[name] = replace(found, body=content)
        return found

    def picture(self, path: str) -> Received:
        """A picture; one that was fetched before is in the browser's cache."""
        name = name_in(path)
        if name not in self._cached:
            self._cached[name] = self.request(path)
        return self._cached[name]


def visit(
    wire: Wire, home: str, person: int, choices: Iterator[int], *, bundles: bool = True
) -> Iterator[Seen]:
    """Go through a study without instructions and quiz; yields each trial before it is answered.

    Parameters
    ----------
    choices : the answers that are given.
    bundles : take pictures in bundles where the server offers them, else one by one, which is what
        a page does that could not load its bundle.
    """
    consent = wire.page(home)
    form = {"csrf_token": _one(TOKEN, consent), "agree": "yes", "age": "yes"}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    posted = wire.request(f"{home}consent", urlencode(form).encode(), kind)
    task = wire.page(posted.header("Location"))
    boot = json.loads(_one(BOOT, task))
    api = f"{boot['api']}/session/{boot['session']}"
    block = before = wire.request(f"{api}?page_token={boot['page_token']}")
    state = json.loads(block.body)
    packed: list[Received] = []
    earlier: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    counted, n_done = 0, 0
    while state["next"] is not None:
        trials = {trial["index"]: trial for trial in state["trials"]}
        index = state["next"]
        if bundles:
            packed = [wire.bundle(address) for address in state.get("bundles", ())]
        while index in trials:
            trial = trials[index]
            pictures = {url: wire.picture(url) for url in addresses(trial)}
            replies = {"task": task, "block": block, "before": before}
            replies |= {f"bundle{number}": reply for number, reply in enumerate(packed)}
            so_far = {url: dict(roles) for url, roles in earlier.items()}
            yield Seen(person, trial, replies, pictures, so_far, counted)
            choice = next(choices)
            answer = _answer(boot["page_token"], choice, f"{person:08x}", n_done)
            headers = {"Content-Type": "application/json", "X-CSRFToken": boot["csrf"]}
            before = wire.request(f"{api}/trials/{index}", json.dumps(answer).encode(), headers)
            told = json.loads(before.body)
            if told.get("saved") is not True:
                raise RuntimeError(f"an answer was refused: {before.body!r}")
            if "correct" in told:
                counted += 1 if (choice == 0) == told["correct"] else -1
            for role, url in roles_of(trial):
                earlier[url][role] += 1
            n_done += 1
            index = told["next"]
        block = wire.request(f"{api}?page_token={boot['page_token']}")
        state = json.loads(block.body)


def _one(pattern: re.Pattern[str], page: Received) -> str:
    found = pattern.search(page.body.decode())
    if found is None:
        raise RuntimeError(f"an unexpected page: {page.body[:300]!r}")
    return found[1]


def _answer(page_token: str, choice: int, person: str, number: int) -> dict[str, Any]:
    moment = "2026-01-05T09:00:00.000Z"
    return {
        "trial_uuid": f"{person}-0000-4000-8000-{number:012x}",
        "page_token": page_token,
        "response": {"choice": choice, "confidence": 2},
        "rt_ms": 900.0,
        "onset_error_ms": 0.0,
        "dropped_frames": 0,
        "presented_at": moment,
        "answered_at": moment,
    }


def roles_of(value: Any, role: str = "") -> Iterator[tuple[str, str]]:
    """Every address in a served trial, with the path of the list that it is in."""
    if isinstance(value, str) and "/stimuli/" in value:
        yield role, value
    elif isinstance(value, Mapping):
        for name, content in value.items():
            yield from roles_of(content, f"{role}/{name}")
    elif isinstance(value, list):
        for content in value:
            yield from roles_of(content, role)


def addresses(trial: Mapping[str, Any]) -> list[str]:
    """The addresses of a trial's pictures in the order in which they are named, each once."""
    return list(dict.fromkeys(url for _, url in roles_of(trial)))


@dataclass
class Reader:
    """Turns a trial into numbers; ``plant`` is an option whose traces are changed by one byte.

    Attributes
    ----------
    plant : none, or where the byte is planted: ``size``, ``name`` or ``header``.
    """

    plant: str = ""
    features: Features = field(default_factory=dict)

    def read(self, seen: Seen) -> Features:
        """All features of a trial."""
        self.features = {}
        for name, reply in seen.replies.items():
            self._put(f"{name}.length", len(reply.body))
            self._put(f"{name}.seconds", reply.seconds)
            self._headers(f"{name}.headers", reply)
        self._leaves("trial", seen.trial)
        text = json.dumps(seen.trial)
        options = list(seen.trial["options"])
        for position, url in enumerate(options):
            right = position == seen.key
            self._option(f"option{position}", url, text, seen, planted=right)
        for name in [each for each in self.features if each.startswith("option0.")]:
            other = name.replace("option0.", "option1.", 1)
            self._put(name.replace("option0.", "difference."),
                      self.features[other] - self.features[name])  # fmt: skip
        return self.features

    def _option(self, place: str, url: str, text: str, seen: Seen, *, planted: bool) -> None:
        reply = seen.pictures[url]
        name = name_in(url)
        raw = bytearray(bytes.fromhex(name) if re.fullmatch(r"([0-9a-f]{2})+", name) else b"")
        raw = raw or bytearray(name.encode())
        body, headers = reply.body, reply.headers
        if planted and self.plant == "size":
            body += b"\0"
        elif planted and self.plant == "name":
            raw[-1] = 0x2A
        elif planted and self.plant == "header":
            headers = tuple((key, value + " ") for key, value in headers)
        reply = Received(reply.status, headers, body, reply.seconds)
        self._put(f"{place}.size", len(body))
        self._put(f"{place}.seconds", reply.seconds)
        self._headers(f"{place}.headers", reply)
        self._put(f"{place}.zeros_behind", len(body) - len(body.rstrip(b"\0")))
        for number, byte in enumerate(body[:CONTAINER_BYTES]):
            self._put(f"{place}.container{number}", byte)
        for number in (0, 1, 2, -2, -1):
            self._put(f"{place}.name{number}", raw[number])
        self._put(f"{place}.name_length", len(name))
        others = sorted(seen.pictures)
        self._put(f"{place}.name_rank", others.index(url) / len(others))
        quick = sorted(reply.seconds for reply in seen.pictures.values())
        self._put(f"{place}.speed_rank", quick.index(seen.pictures[url].seconds) / len(quick))
        self._put(f"{place}.place_in_text", text.index(url))
        for role in dict.fromkeys(role for role, _ in roles_of(seen.trial)):
            named = sum(1 for r, u in roles_of(seen.trial) if (r, u) == (role, url))
            self._put(f"{place}.in{role}", named)
            self._put(f"{place}.earlier{role}", seen.earlier.get(url, {}).get(role, 0))

    def _headers(self, place: str, reply: Received) -> None:
        kept = [(key, value) for key, value in reply.headers if key not in ("Date", "Set-Cookie")]
        self._put(f"{place}.count", len(reply.headers))
        self._put(f"{place}.order", _number(" ".join(key for key, _ in kept)))
        self._put(f"{place}.bytes", sum(len(key) + len(value) for key, value in kept))
        for key, value in kept:
            self._put(f"{place}.{key}", _number(value))

    def _leaves(self, place: str, value: Any) -> None:
        if isinstance(value, Mapping):
            self._put(f"{place}.order", _number(" ".join(value)))
            for name, content in value.items():
                self._leaves(f"{place}.{name}", content)
        elif isinstance(value, list):
            self._put(f"{place}.length", len(value))
            for number, content in enumerate(value):
                self._leaves(f"{place}.{number}", content)
        elif isinstance(value, (bool, int, float)):
            self._put(place, float(value))
        elif not (isinstance(value, str) and "/stimuli/" in value):
            self._put(place, _number(str(value)))

    def _put(self, name: str, value: float) -> None:
        self.features[name] = float(value)


def _number(text: str) -> float:
    """Equal for equal texts, else hardly ever."""
    return float(zlib.crc32(text.encode()))
