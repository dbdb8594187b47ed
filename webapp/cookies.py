"""Flask's signed cookies, each signature looked into once.

A page sends the same cookie with every answer. What is remembered is that this server signed the
text, and when; content is read anew for every request, and age compared.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from flask import Flask
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.wrappers import Request
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

COOKIES_REMEMBERED = 8192
COOKIE_LENGTH = 2048
"""Longer ones are not remembered."""


class RememberingCookies(SecureCookieSessionInterface):
    """The sessions of one application, whose key is set and stays.

    Parameters
    ----------
    app : the application.
    """

    def __init__(self, app: Flask) -> None:
        serializer = super().get_signing_serializer(app)
        assert serializer is not None, "the key is set before"
        self._serializer = serializer
        self._signed = lru_cache(COOKIES_REMEMBERED)(self._unsign)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:
        return self._serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        cookie = request.cookies.get(self.get_cookie_name(app))
        if not cookie:
            return self.session_class()
        look = self._signed if len(cookie) <= COOKIE_LENGTH else self._unsign
        signed = look(cookie)
        if signed is None:
            return self.session_class()
        content, at = signed
        if not 0 <= (datetime.now(UTC) - at).total_seconds() <= self._lifetime_s(app):
            return self.session_class()
        return self.session_class(self._serializer.load_payload(content))

    def _lifetime_s(self, app: Flask) -> float:
        return app.permanent_session_lifetime.total_seconds()

    def _unsign(self, cookie: str) -> tuple[bytes, datetime] | None:
        try:
            signer = self._serializer.make_signer(self.salt)
            assert isinstance(signer, TimestampSigner)
            content, at = signer.unsign(cookie, return_timestamp=True)
            self._serializer.load_payload(content)
        except BadData:
            return None
        return content, at
