"""A browser for load scripts: one connection that stays open, no more work than needs be.

Hundreds run in one process, so that the machine's processors are the server's.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode


@dataclass
class Browser:
    """Speaks HTTP/1.1 with a server on this machine and keeps its cookies.

    Attributes
    ----------
    port : of the server.
    cookies : by name.
    """

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    _line: _Line | None = None

    async def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and content of a page."""
        return await self._request("GET", path, {}, b"")

    async def post_form(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Send a form."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._request("POST", path, headers, urlencode(form).encode())

    async def post_json(self, path: str, content: Any, csrf: str) -> tuple[int, Any]:
        """Send JSON; status and the JSON that comes back."""
        headers = {"Content-Type": "application/json", "X-CSRFToken": csrf}
        status, _, body = await self._request("POST", path, headers, json.dumps(content).encode())
        return status, json.loads(body)

    async def _request(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        message = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
        for again in (True, False):
            if self._line is None or self._line.broken:
                loop = asyncio.get_running_loop()
                _, self._line = await loop.create_connection(_Line, "127.0.0.1", self.port)
            try:
                return self._read(*await self._line.ask(message))
            except OSError:
                # The server closed a connection that had been idle.
                self.close()
                if not again:
                    raise
        raise AssertionError("the second try returns or raises")

    def _read(self, head: bytes, body: bytes) -> tuple[int, dict[str, str], bytes]:
        first, *lines = head.decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
            if name.lower() == "set-cookie":
                key, _, content = value.partition(";")[0].partition("=")
                self.cookies[key] = content
        if headers.get("connection") == "close":
            self.close()
        return int(first.split(" ", 2)[1]), headers, body

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.hang_up()
            self._line = None


class _Line(asyncio.Protocol):
    """A connection, on which one request at a time waits for its reply."""

    LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)

    def __init__(self) -> None:
        self.broken = False
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._wanted = self._missing = self._head = 0
        self._reply: asyncio.Future[tuple[bytes, bytes]] | None = None

    def ask(self, message: bytes) -> asyncio.Future[tuple[bytes, bytes]]:
        """Send a request; head and body of the reply."""
        assert self._transport is not None
        self._reply = asyncio.get_running_loop().create_future()
        self._parts, self._wanted = [], 0
        self._transport.write(message)
        return self._reply

    def hang_up(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        if not self._wanted:
            data = b"".join(self._parts)
            end = data.find(b"\r\n\r\n")
            if end < 0:
                return
            length = self.LENGTH.search(data, 0, end)
            self._wanted = end + 4 + int(length[1] if length else 0)
            self._missing = self._wanted - len(data)
            self._head = end
        else:
            self._missing -= len(data)
        if self._missing <= 0 and self._reply is not None and not self._reply.done():
            whole = b"".join(self._parts)
            self._reply.set_result((whole[: self._head], whole[self._head + 4 :]))

    def connection_lost(self, error: Exception | None) -> None:
        self.broken = True
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(ConnectionResetError("the server hung up"))


def an_answer(page_token: str) -> dict[str, Any]:
    """An answer to a strong/weak trial, as the task page posts it."""
    return {
        "trial_uuid": str(uuid.uuid4()),
        "page_token": page_token,
        "response": {"choice": 0, "confidence": 2},
        "rt_ms": 812.5,
        "onset_error_ms": 0.4,
        "dropped_frames": 0,
        "presented_at": "2026-01-05T09:00:00.000Z",
        "answered_at": "2026-01-05T09:00:00.812Z",
    }
