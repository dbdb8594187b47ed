"""SONA: the participant pools of universities, credited by the server.

The study's address at SONA ends in ``?survey_code=%SURVEY_CODE%`` (``sona_id`` is taken, too).
When somebody has finished, the server asks SONA's server-side completion URL with the survey code;
the XML answer holds a ``Result``, with ``credit_status`` ``G``, or ``Errors`` (sona-systems.com,
"Server-Side Completion URL Responses").
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree

from lens_core.atlas import LensError

from .base import Arrival, CreditRefused, ListColumns, Recruiter, short
from .settings import StudySettings

CODE = "survey_code"
HOME = (".sona-systems.com", ".sonasystems.com")
TIMEOUT_S = 5.0
LONGEST_REPLY = 65_536


class Sona(Recruiter):
    """Recognised by ``survey_code`` or ``sona_id``.

    Parameters
    ----------
    further_hosts : hosts besides SONA's own that may be asked for credit.
    """

    name = "sona"
    columns = ListColumns(
        person=("survey_code", "Survey Code", "sona_id"),
        status=("status", "Status", "credit_status"),
        accepted=("g", "granted", "participated", "credit granted"),
    )

    def __init__(self, further_hosts: tuple[str, ...] = ()) -> None:
        self._further = further_hosts

    def recognise(self, parameters: Mapping[str, str], settings: StudySettings) -> Arrival | None:
        person = short(parameters.get(CODE) or parameters.get("sona_id") or "")
        return Arrival(self.name, person) if person else None

    def require_address(self, url: str) -> None:
        """Refuse an address that is no server-side completion URL of SONA's.

        Raises
        ------
        LensError
            With what is wrong; so the server cannot be made to ask anything else.
        """
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError as error:
            raise LensError("the SONA address is no address") from error
        if host not in self._further:
            if parts.scheme != "https" or not host.endswith(HOME) or parts.port is not None:
                raise LensError(
                    "the SONA address starts with https and a host of sona-systems.com; "
                    "LENS_SONA_HOSTS allows others"
                )
        elif parts.scheme not in ("http", "https"):
            raise LensError("the SONA address starts with https")
        given = dict(parse_qsl(parts.query))
        if not given.get("experiment_id") or not given.get("credit_token"):
            raise LensError(
                "the SONA address has experiment_id and credit_token: copy the completion URL "
                "(server-side) from the study's page at SONA"
            )

    def gives_credit(self, settings: StudySettings) -> bool:
        return bool(settings.sona_url)

    def give_credit(self, external_id: str, settings: StudySettings) -> None:
        try:
            self.require_address(settings.sona_url)
            address = _with_code(settings.sona_url, external_id)
            with _opener.open(address, timeout=TIMEOUT_S) as reply:
                content = reply.read(LONGEST_REPLY)
        except (LensError, OSError, ValueError) as error:
            # The address holds the study's secret, so only the kind of failure is told.
            reason = getattr(error, "reason", None) or type(error).__name__
            raise CreditRefused(f"SONA could not be asked: {reason}") from error
        _require_granted(content)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The address that was checked is the only one that is asked."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def _with_code(url: str, code: str) -> str:
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != CODE]
    return urlunsplit(parts._replace(query=urlencode([*query, (CODE, code)])))


def _require_granted(content: bytes) -> None:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise CreditRefused("SONA answered with a document that is not read")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise CreditRefused("SONA answered with something else than XML") from error
    texts = {element.tag.rpartition("}")[2]: (element.text or "") for element in root.iter()}
    if texts.get("credit_status", "").strip() != "G":
        message = texts.get("error_message") or texts.get("Message") or "no credit_status G"
        raise CreditRefused(f"SONA refused: {short(message)}")
