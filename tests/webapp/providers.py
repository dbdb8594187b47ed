"""Local fakes of recruiters, which behave as their documentation says.

Prolific, keys and what is to be checked of a signed launch: docs.prolific.com, "Retrieve JSON Web
Key Set" (/api-reference/well-known-endpoints/get-study-jwks); parameters of a link and completion
codes: "The study object" (/api-reference/studies/the-study-object).

Mechanical Turk, parameters of a framed page: docs.aws.amazon.com/AWSMechTurk, "How Mechanical Turk
tasks are rendered" (mturk-hits-defining-questions-html-rendered.html); preview and submission:
"ExternalQuestion" (ApiReference_ExternalQuestionArticle.html); states of a list: "Assignment"
(ApiReference_AssignmentDataStructureArticle.html).

SONA, request and answers: www.sona-systems.com/researcher/server-side-completion-url-responses/;
links: /researcher/external-study-credit-granting/.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

AUDIENCE = "lab.example"
STUDY_ID = "60d9aadeb86739de712faee0"
GRANTED = """<WebstudyCreditResponse xmlns:a="urn:a" xmlns:i="urn:i"><WebstudyCreditResult>
<a:Errors i:nil="true"/><a:Result><a:credit_status>G</a:credit_status>
<a:survey_code>{code}</a:survey_code></a:Result></WebstudyCreditResult></WebstudyCreditResponse>"""
REFUSED = """<WebstudyCreditResponse xmlns:a="urn:a" xmlns:i="urn:i"><WebstudyCreditResult>
<a:Errors><a:Error><a:error_message>No sign-up</a:error_message></a:Error></a:Errors>
<a:Result i:nil="true"/></WebstudyCreditResult></WebstudyCreditResponse>"""


def mturk_parameters() -> dict[str, str]:
    """What Amazon adds to the address of an external question once the work is accepted."""
    return {
        "hitId": "123RVWYBAZW00EXAMPLE",
        "assignmentId": "123RVWYBAZW00EXAMPLE456RVWYBAZW00EXAMPLE",
        "turkSubmitTo": "https://www.mturk.com/",
        "workerId": "AZ3456EXAMPLE",
    }


class Signer:
    """Prolific's side of a signed launch: a key pair, and the tokens that it makes."""

    def __init__(self, kid: str = "k1") -> None:
        self.kid = kid
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwks(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.kid, "alg": "RS256", "use": "sig"}]}

    def claims(self, person: str, **changes: Any) -> dict[str, Any]:
        """What a token says; a change to nothing leaves the claim out."""
        found = {
            "aud": AUDIENCE,
            "exp": int(time.time()) + 600,
            "prolific": {
                "PROLIFIC_PID": person,
                "STUDY_ID": STUDY_ID,
                "SESSION_ID": f"s-{person}",
                "workspace_id": "w1",
            },
            **changes,
        }
        return {name: value for name, value in found.items() if value is not None}

    def token(self, person: str, **changes: Any) -> str:
        claims = self.claims(person, **changes)
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.kid})


class Provider:
    """What the fake was asked, and how it shall answer."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.asked: list[dict[str, str]] = []
        self.keys_fetched = 0
        self.broken = False
        self.moved = False
        self.known: set[str] = set()
        self.url = ""


@contextmanager
def providers(signer: Signer) -> Iterator[Provider]:
    """Prolific's keys at ``/jwks.json`` and SONA's service at ``/services/SonaAPI.svc/…``."""
    provider = Provider(signer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if provider.broken:
                self.send_error(503)
                return
            parts = urlsplit(self.path)
            if parts.path == "/jwks.json":
                provider.keys_fetched += 1
                self._reply(json.dumps(signer.jwks()))
                return
            if provider.moved:
                # As a host that was taken over might, to learn the study's secret.
                provider.moved = False
                self.send_response(302)
                self.send_header("Location", f"{provider.url}/elsewhere?{parts.query}")
                self.end_headers()
                return
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            provider.asked.append(query)
            known = query["survey_code"] in provider.known
            self._reply(GRANTED.format(code=query["survey_code"]) if known else REFUSED)

        def _reply(self, text: str) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
