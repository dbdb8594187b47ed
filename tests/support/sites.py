"""Static sites in tests: which pages an atlas must have as files, and which links lead nowhere.

What must be there is worked out from the atlas alone, not from the program that writes it.
"""

from __future__ import annotations

import json
import posixpath
from itertools import combinations
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lens_core.atlas import Atlas
from tests.support.html import Page

FRONT = ("index", "classes", "method", "example", "bias", "compare", "against", "like")
DATA = ("data-index", "data-picture", "data-strong", "data-image-maps", "data-maps")
"""Attributes that name files which the page's script reads."""


def expected_pages(atlas: Atlas) -> set[str]:
    """Paths of all pages of an atlas that is small enough to have every one of them."""
    roots = [d for d in atlas.dictionaries if not d.depth]
    main = roots[0].id
    pages = set(FRONT)
    for entry in atlas.classes:
        for one in roots:
            of_class = f"class/{entry.id}"
            pages.add(of_class if one.id == main else f"{of_class}/{one.id}")
            pages |= {f"{of_class}/{one.id}/image/{i}" for i in range(entry.n_images)}
    for a, b in combinations([entry.id for entry in atlas.classes], 2):
        for one in roots:
            pages.add(f"compare/{a}/{b}" if one.id == main else f"compare/{a}/{b}/{one.id}")
    for here, there in combinations([one.id for one in roots], 2):
        against = f"against/{here}/{there}"
        pages |= {against, *(f"{against}/{entry.id}" for entry in atlas.classes)}
    shared = [one for one in roots if one.scope == "shared"]
    for one in shared:
        pages |= {f"concept/{concept.id}" for concept in atlas.shared(one.id).info.concepts}
    return {f"{path}.html" for path in (*pages, *(f"map/{one.id}" for one in shared[1:]))}


def pages_of(site: Path) -> set[str]:
    """Paths of the pages that are there."""
    return {file.relative_to(site).as_posix() for file in site.rglob("*.html")}


def faults_of(site: Path) -> list[str]:
    """A line for everything that is wrong: markup, links tied to a place, links to nothing.

    A link to a part of a page is followed to the part. ``like.html#…`` is read by that page's
    script, and leads to a file of what is like the concept instead.
    """
    there = {file.relative_to(site).as_posix() for file in site.rglob("*") if file.is_file()}
    texts = {name: (site / name).read_text() for name in sorted(pages_of(site))}
    pages = {name: Page(text) for name, text in texts.items()}
    faults = []
    for name, page in pages.items():
        faults += [f"{name}: {fault}" for fault in page.faults]
        named = [each[attr] for attr in DATA for each in page.having(attr) if each[attr]]
        for address in sorted({*page.addresses, *named, *_in_data(texts[name])}):
            parts = urlsplit(address)
            if parts.scheme or parts.path.startswith("/"):
                faults.append(f"{name}: {address} is tied to one place")
                continue
            here = posixpath.join(posixpath.dirname(name), unquote(parts.path))
            target = posixpath.normpath(here) if parts.path else name
            part = unquote(parts.fragment)
            if target == "like.html" and part and parts.path:
                of, _, concept = part.partition("/")
                target = f"like/all/{concept}.json" if of == "all" else f"like/{of}.json"
                part = ""
            if target not in there:
                faults.append(f"{name}: {address} leads nowhere")
            elif part and part not in pages[target].ids:
                faults.append(f"{name}: {address} names no part of that page")
    return faults


def _in_data(text: str) -> list[str]:
    """What the data of a class page name: its maps, and pages of its images."""
    block = text.partition('id="page-data">')[2].partition("</script>")[0]
    if not block:
        return []
    data = json.loads(block)
    found = [data["maps"]] if "maps" in data else []
    pages = data.get("pages")
    if pages:
        numbers = range(len(data["top"])) if pages["numbers"] is None else pages["numbers"]
        found += [pages["address"].replace("IMAGE", str(number)) for number in numbers]
    return found
