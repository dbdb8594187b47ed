"""Addresses of the pages that compare: classes, dictionaries, and what is like a concept."""

from __future__ import annotations

from urllib.parse import quote

from .links import Links

COMPARE = "compare"
AGAINST = "against"
LIKE = "like"
ANY_PAIR = f"{COMPARE}/any"
"""The page of a site of files that puts any two classes together."""
ALL = "all"
"""In place of a class, where a concept is of all classes."""
ELSEWHERE = ":"
"""Between an atlas's name and its dictionary's, where that is another atlas of the server."""


def pair_path(class_id: int, other_id: int, dictionary: str | None = None) -> str:
    """Path of the page of two classes; without a dictionary, the one of the main dictionary."""
    path = f"{COMPARE}/{class_id}/{other_id}"
    return path if dictionary is None else f"{path}/{dictionary}"


def pair_table_path(class_id: int, other_id: int, dictionary: str) -> str:
    """Path of the table of two classes as CSV."""
    return f"{COMPARE}/{class_id}/{other_id}/{dictionary}.csv"


def class_data_path(class_id: int, dictionary: str) -> str:
    """Path of what that page needs of a class, as JSON."""
    return f"{COMPARE}/of/{class_id}.{dictionary}.json"


def against_path(here: str, there: str, class_id: int | None = None) -> str:
    """Path of the page of two dictionaries, over all classes or on one.

    `there` is a dictionary of the same atlas, or ``SLUG:DICTIONARY`` of another.
    """
    path = f"{AGAINST}/{here}/{there}"
    return path if class_id is None else f"{path}/{class_id}"


def against_table_path(here: str, there: str) -> str:
    """Path of the table of two dictionaries over all classes as CSV."""
    return f"{AGAINST}/{here}/{there}.csv"


def like_path(class_id: int | None, concept_id: str) -> str:
    """Path of the page of what is like a concept of a class, or without one of all classes."""
    return f"{LIKE}/{ALL if class_id is None else class_id}/{concept_id}"


def like_table_path(class_id: int | None, concept_id: str) -> str:
    """Path of the same as CSV."""
    return f"{like_path(class_id, concept_id)}.csv"


def like_data_path(class_id: int) -> str:
    """Path of what is like each concept of a class as JSON, which a static site's page reads."""
    return f"{LIKE}/{class_id}.json"


def shared_like_data_path(concept_id: str) -> str:
    """Path of the same of one concept that all classes share."""
    return f"{LIKE}/{ALL}/{concept_id}.json"


def like_address(links: Links, class_id: int | None, concept_id: str) -> str:
    """Where everything like a concept is shown: a page of its own, or one page that fills in."""
    if links.is_static:
        of = ALL if class_id is None else class_id
        return f"{links.page(LIKE)}#{of}/{quote(concept_id)}"
    return links.page(like_path(class_id, concept_id))


def crop_path(token: str) -> str:
    """Path of what is like a picture that somebody dropped."""
    return f"{LIKE}/crop/{token}"


def crop_state_path(token: str) -> str:
    """Path of how far that is, as JSON."""
    return f"{LIKE}/crop/{token}.json"


def pair_address(links: Links, class_id: int, other_id: int, dictionary: str | None = None) -> str:
    """Address of the page of two classes."""
    return links.page(pair_path(class_id, other_id, dictionary))
