"""A browser for load scripts: one connection that stays open, no more work than needs be.

Hundreds run in one process, so that the machine's processors are the server's.
"""

from __future__ import annotations

import asyncio
import json
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
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

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
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                self._streams[1].write(message)
                return await self._reply(self._streams[0])
            except (OSError, asyncio.IncompleteReadError):
                # The server closed a connection that had been idle.
                self.close()
                if not again:
                    raise
        raise AssertionError("the second try returns or raises")

    async def _reply(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in head[1:-2]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
            if name.lower() == "set-cookie":
                key, _, content = value.partition(";")[0].partition("=")
                self.cookies[key] = content
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self.close()
        return int(head[0].split(" ", 2)[1]), headers, body

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


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
