"""Templates to HTML. Needs no Flask, so that a static site is the same pages written to files."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import class_page as class_pages
from . import front_pages, links, shared_pages
from .bias_page import bias_page
from .book import AtlasBook
from .compare_links import like_address
from .example_page import example_page, has_example
from .figures import dots
from .image_page import image_page
from .links import Links
from .pieces import fan, likes
from .shared_maps import shared_maps
from .texts import count, decimals, percent
from .trust import FIDELITY

STATIC = Path(__file__).parent.parent / "static"
ASSETS = (
    "css/tokens.css",
    "css/explorer.css",
    "css/compare.css",
    "dist/explorer.js",
    "img/mark.svg",
)
"""Everything that explorer pages load besides pictures."""


def home(book: AtlasBook, place: Links) -> str:
    """The atlas's home page."""
    return _render("home.html", book, place, page=front_pages.home_page(book, place))


def classes(book: AtlasBook, place: Links, query: str = "") -> str:
    """The list of classes, or the answer to a query."""
    return _render("classes.html", book, place, page=front_pages.classes_page(book, place, query))


def class_(book: AtlasBook, place: Links, class_id: int, dictionary: str | None = None) -> str:
    """A class page; raises ``LensError`` if the atlas has no such class or dictionary."""
    page = class_pages.class_page(book, class_id, place, dictionary)
    return _render("class.html", book, place, page=page)


def concept(book: AtlasBook, place: Links, concept_id: str) -> str:
    """The page of a concept that all classes share; raises ``KeyError`` if there is none."""
    page = shared_pages.concept_page(book, concept_id, place)
    return _render("concept.html", book, place, page=page)


def map_(book: AtlasBook, place: Links, dictionary: str) -> str:
    """Maps of a shared dictionary; raises ``LensError`` or ``KeyError`` if there are none."""
    page = shared_maps(book, place, dictionary)
    if page is None:
        raise KeyError(dictionary)
    return _render("map.html", book, place, page=page)


def method(book: AtlasBook, place: Links) -> str:
    """How to read an atlas, on one of its own classes."""
    entry = front_pages.curated_class(book)
    page = class_pages.class_page(book, entry.id, place, None)
    link = place.page(links.class_path(entry.id))
    return _render(
        "method.html",
        book,
        place,
        page=page,
        example_link=link,
        has_example=has_example(book),
    )


def example(book: AtlasBook, place: Links) -> str:
    """One photograph taken apart; raises ``KeyError`` if the atlas does not hold what it takes."""
    page = example_page(book, place)
    if page is None:
        raise KeyError(links.EXAMPLE)
    return _render("example.html", book, place, page=page)


def bias(book: AtlasBook, place: Links) -> str:
    """Where the model may lean on the wrong thing."""
    return _render("bias.html", book, place, page=bias_page(book, place))


def image(book: AtlasBook, place: Links, class_id: int, dictionary: str, number: int) -> str:
    """The page of one image; raises ``LensError`` or ``KeyError`` if there is none."""
    page = image_page(book, class_id, dictionary, number, place)
    return _render("image.html", book, place, page=page)


def not_found(book: AtlasBook, place: Links, message: str) -> str:
    """What to show where there is nothing, with ways out."""
    return _render("not_found.html", book, place, message=message)


def atlas_list(books: list[AtlasBook], place: Links, addresses: list[str]) -> str:
    """The atlases of a server that has several, or none yet; `addresses` are of their homes."""
    atlases = [
        (book.header, home, front_pages.wall(book, Links(base=home, version=book.version))[:4])
        for book, home in zip(books, addresses, strict=True)
    ]
    return (
        _environment().get_template("atlases.html").render(atlases=atlases, links=place, atlas=None)
    )


def page(template: str, book: AtlasBook, place: Links, **values: object) -> str:
    """Any other page of an atlas, by its template."""
    return _render(template, book, place, **values)


def part(template: str, macro: str, *values: object) -> str:
    """A piece of a page, made by one of the templates' macros."""
    made = getattr(_environment().get_template(template).module, macro)(*values)
    return str(made)


def _render(template: str, book: AtlasBook, place: Links, **values: object) -> str:
    return _environment().get_template(template).render(atlas=book.header, links=place, **values)


@cache
def static_version() -> str:
    """Changes whenever a style sheet or script does."""
    digest = hashlib.sha256()
    for name in ASSETS:
        file = STATIC / name
        digest.update(name.encode() + (file.read_bytes() if file.is_file() else b""))
    return digest.hexdigest()[:10]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("webapp.explorer", "templates/explorer"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Pages carry a value an image: spaces between them would be a tenth of it.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    environment.filters.update(
        percent=percent, count=count, decimals=decimals, dots=dots, fan=fan, likes=likes
    )
    environment.globals.update(
        CLASSES=links.CLASSES,
        METHOD=links.METHOD,
        EXAMPLE=links.EXAMPLE,
        BIAS=links.BIAS,
        RANDOM=links.RANDOM,
        SEARCH_INDEX=links.SEARCH_INDEX,
        FIDELITY=FIDELITY,
        like_address=like_address,
    )
    return environment
