"""Requests of other sites are refused: each that writes carries the token of its page.

The tokens are Flask-WTF's own, as on all other pages. Looking into one costs as much as saving an
answer's row, and a page sends the same one with every answer, so what was found is remembered.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from urllib.parse import urlsplit

from flask import current_app, request, session
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.exceptions import BadRequest


class Forged(BadRequest):
    """Another site's page may have made this browser send it."""


TOKENS_REMEMBERED = 8192
SALT = "wtf-csrf-token"


def require_own_page(token: str | None) -> None:
    """Let a request pass that one of this browser's own pages sends.

    Raises
    ------
    Forged
        If the token is missing, not signed by this server or another browser's, or the
        page is one of another site.
    """
    mine = session.get("csrf_token")
    key = current_app.secret_key
    assert isinstance(key, bytes)
    inside = _inside(key, token) if token and len(token) < 512 else None
    if not mine or inside is None or not hmac.compare_digest(mine, inside):
        raise Forged
    if request.is_secure:
        page = urlsplit(request.referrer or "")
        if (page.scheme, page.netloc) != ("https", request.host):
            raise Forged


@lru_cache(TOKENS_REMEMBERED)
def _inside(key: bytes, token: str) -> str | None:
    try:
        content: object = URLSafeTimedSerializer(key, salt=SALT).loads(token)
    except BadData:
        return None
    return content if isinstance(content, str) else None
