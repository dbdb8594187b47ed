"""Signed links: a JWT, checked against the public keys that its maker gives out."""

from __future__ import annotations

from typing import Any, Protocol

import jwt

from .base import BadLaunch

ALGORITHMS = ("RS256",)
LEEWAY_S = 30
LONGEST_TOKEN = 8_192


class SigningKeys(Protocol):
    """Finds the public key that a token was signed with."""

    def get_signing_key_from_jwt(self, token: str) -> jwt.PyJWK:
        """The key, by the token's ``kid``."""
        ...


def keys_from(url: str) -> SigningKeys:
    """Keys of a JWKS address, fetched when first needed and renewed twice a day."""
    return jwt.PyJWKClient(url, cache_jwk_set=True, lifespan=12 * 3600, timeout=5)


def claims_of(token: str, keys: SigningKeys, *, audience: str) -> dict[str, Any]:
    """What a token says, once its signature, end and audience are found right.

    Only RS256 is taken, whatever the token's own header says.

    Raises
    ------
    BadLaunch
        Otherwise, or if the keys cannot be had.
    """
    if not audience:
        raise BadLaunch("no audience is set for signed links")
    if len(token) > LONGEST_TOKEN:
        raise BadLaunch("the token is too long")
    try:
        # Before any key is looked up, so that nonsense never makes the server ask for keys.
        if jwt.get_unverified_header(token).get("alg") not in ALGORITHMS:
            raise BadLaunch("the token is not signed with RS256")
        key = keys.get_signing_key_from_jwt(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=[audience, f"https://{audience}", f"https://{audience}/"],
            leeway=LEEWAY_S,
            options={"require": ["exp", "aud"]},
        )
    except jwt.PyJWTError as error:
        raise BadLaunch(str(error)) from error
    return claims
