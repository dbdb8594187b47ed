"""What every response carries, and what every request is held to."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from .config import KIB, ServerConfig
from .cookies import RememberingCookies

LISTS = frozenset({"researcher.reconciliation", "explorer.like_ask"})
LIST_KIB = 8 * KIB
"""Where files are uploaded, and how large they may be."""

NOBODY = "'none'"
NOBODY_FRAMES = f"frame-ancestors {NOBODY}"


def content_policy(*, forms: str = "", frames: tuple[str, ...] = ()) -> str:
    """The policy of a page; ``forms`` is a further host that a form may post to, ``frames`` are
    hosts that may show the page in a frame."""
    return "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' data: blob:",
            "object-src 'none'",
            "base-uri 'none'",
            f"form-action 'self' {forms}".rstrip(),
            f"frame-ancestors {' '.join(frames or (NOBODY,))}",
        )
    )


CONTENT_POLICY = content_policy()

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # With https, the CSRF check compares the Referer, so same-origin requests must send it.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), fullscreen=(self)",
}


def harden(app: Flask, config: ServerConfig) -> None:
    """Set cookies, limits, trusted hosts and headers."""
    app.config.update(
        SESSION_COOKIE_NAME="lens",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.https,
        # A cookie with every picture and every saved answer would only cost time.
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=config.body_kib * KIB,
        MAX_FORM_MEMORY_SIZE=config.form_kib * KIB,
        MAX_FORM_PARTS=200,
        # A study may last longer than any fixed time; the token ends with the session's cookie.
        WTF_CSRF_TIME_LIMIT=None,
        TRUSTED_HOSTS=list(config.trusted_hosts) or None,
    )
    if config.proxies:
        n = config.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, n, n, n, n)  # type: ignore[method-assign]

    app.session_interface = RememberingCookies(app)

    @app.before_request
    def allow_lists() -> None:
        # Before the form is looked at for its token.
        if request.endpoint in LISTS and request.method == "POST":
            request.max_content_length = LIST_KIB * KIB
            # Holds for what is read at a time, too, which is as much as a usual form may have.
            request.max_form_memory_size = 4 * config.form_kib * KIB

    headers = HEADERS | {"Cache-Control": "no-store"}
    if config.https:
        headers |= {"Strict-Transport-Security": "max-age=31536000"}
    usual = [(name.lower(), name, value) for name, value in headers.items()]

    @app.after_request
    def add_headers(response: Response) -> Response:
        present = {name.lower() for name, _ in response.headers}
        for lower, name, value in usual:
            if lower not in present:
                response.headers.add(name, value)
        if "content-security-policy" in present and (
            NOBODY_FRAMES not in response.headers["Content-Security-Policy"]
        ):
            # The older header knows no list of hosts, and would forbid what the policy allows.
            del response.headers["X-Frame-Options"]
        return response
