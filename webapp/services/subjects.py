"""Keyed hashes under which people and addresses are counted, so that neither is kept."""

from __future__ import annotations

import hashlib
import hmac


def subject(key: bytes, kind: str, value: str) -> str:
    """64 hexadecimal digits that only the holder of the server's key can compare."""
    return hmac.new(key, f"{kind}/{value}".encode(), hashlib.sha256).hexdigest()


def person_subject(key: bytes, source: str, external_id: str) -> str:
    """The subject of somebody that a recruiter has a name for, the same in all studies."""
    return subject(key, f"person/{source}", external_id)
