"""Pieces of pages that stand there a hundred times: a template would take its time over them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from markupsafe import Markup

from .pages import CropView, Picture, SimilarView
from .texts import decimals


def fan(crops: Iterable[CropView]) -> Markup:
    """The list items of a concept's crops, as `crop` in the templates; loaded when looked at."""
    return Markup(
        "".join(
            f'<li class="crop" data-image="{crop.image}" data-box="{" ".join(map(str, crop.box))}">'
            f"{_picture(crop.picture)}</li>"
            for crop in crops
        )
    )


def likes(others: Iterable[SimilarView]) -> Markup:
    """The list items of concepts of other classes."""
    return Markup(
        "".join(
            f'<li><a href="{escape(other.link)}">{_picture(other.picture)}'
            f'<span class="similar-text">{escape(other.class_name)}<span class="soft">'
            f"{escape(other.concept_label)} · {decimals(other.cosine)}</span></span></a></li>"
            for other in others
        )
    )


def _picture(picture: Picture | None) -> str:
    """As the macro `picture` without a size."""
    if picture is None:
        return '<span class="picture"><span class="picture-none">no picture</span></span>'
    return (
        f'<span class="picture"><img src="{escape(picture.address)}" alt="{escape(picture.alt)}" '
        'loading="lazy"></span>'
    )
