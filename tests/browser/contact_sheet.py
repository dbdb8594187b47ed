"""A contact sheet of all pages, for people to look at: every kind of page at each width and scheme.

::

    python tests/browser/contact_sheet.py http://127.0.0.1:8000/ --out sheet/
    python tests/browser/contact_sheet.py path/to/atlas --sidecars DIR/sidecars --out sheet/
    python tests/browser/contact_sheet.py http://127.0.0.1:8000/console/ --login NAME:PASSWORD …

Writes one page of screenshots for each width and colour scheme, ``index.html`` with links to them,
and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import html
import json
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.browser.explorers import (  # noqa: E402
    SCHEMES,
    WIDTHS,
    kinds_of_pages,
    serving_atlases,
)

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
TALLEST_PX = 9000
SHEET = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{font:14px system-ui;margin:2rem;background:#888}}h1{{font-size:1.2rem}}
ul{{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:1.5rem;padding:0}}
li{{list-style:none}}img{{width:100%;display:block}}p{{margin:.3rem 0}}</style>
<h1>{title}</h1><ul>{items}</ul>"""


def log_in(page: Any, address: str, login: str) -> str:
    """Log in to the console; returns the cookie."""
    name, _, password = login.partition(":")
    page.goto(address)
    page.fill("[name=name]", name)
    page.fill("[name=password]", password)
    page.click("button.primary")
    page.wait_for_load_state()
    return "; ".join(f"{one['name']}={one['value']}" for one in page.context.cookies())


def shoot(page: Any, address: str, file: Path) -> int:
    """Take one picture of a whole page; returns how far it is too wide, in px."""
    page.goto(address, wait_until="load")
    page.evaluate(
        """async () => {
          document.querySelectorAll('img[loading=lazy]').forEach((img) => (img.loading = 'eager'));
          await Promise.all([...document.images].map((img) => img.decode().catch(() => 0)));
        }"""
    )
    page.wait_for_timeout(250)
    wide, tall = page.evaluate(
        "[document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight]"
    )
    size = page.viewport_size
    clip = {"x": 0, "y": 0, "width": size["width"], "height": min(tall, TALLEST_PX)}
    page.screenshot(path=file, full_page=True, clip=clip)
    return int(wide)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("place", help="address of a running server, or folder of an atlas")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--sidecars", type=Path, help="what people made of the concepts")
    parser.add_argument("--login", default="", help="NAME:PASSWORD of the console")
    parser.add_argument("--widths", type=int, nargs="+", default=list(WIDTHS))
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES))
    parser.add_argument("--only", nargs="+", help="words, of which one is in a page's kind")
    parser.add_argument("--quick", action="store_true", help="one width, light alone")
    asked = parser.parse_args()
    if asked.quick:
        asked.widths, asked.schemes = asked.widths[-1:], asked.schemes[:1]
    from playwright.sync_api import sync_playwright

    started = time.monotonic()
    asked.out.mkdir(parents=True, exist_ok=True)
    binary = next(found for name in CHROMIUM if (found := shutil.which(name)))
    too_wide, n_shots = [], 0
    with ExitStack() as stack:
        start = asked.place
        if not start.startswith("http"):
            start = stack.enter_context(serving_atlases([Path(start)], asked.sidecars))
        runner = stack.enter_context(sync_playwright())
        browser = runner.chromium.launch(
            executable_path=binary, args=["--no-sandbox", "--disable-background-networking"]
        )
        cookie = ""
        if asked.login:
            context = browser.new_context()
            cookie = log_in(context.new_page(), start, asked.login)
            stored = context.storage_state()
        pages = kinds_of_pages(start, cookie)
        if asked.only:
            pages = {k: a for k, a in pages.items() if any(word in k for word in asked.only)}
        sheets = []
        for width in asked.widths:
            for scheme in asked.schemes:
                context = browser.new_context(
                    viewport={"width": width, "height": 900},
                    color_scheme=scheme,
                    reduced_motion="reduce",
                    storage_state=stored if asked.login else None,
                )
                page, items = context.new_page(), []
                for number, (kind, address) in enumerate(pages.items()):
                    name = f"{width}-{scheme}-{number:02d}.png"
                    if shoot(page, address, asked.out / name) > 0:
                        too_wide.append(f"{kind} at {width}")
                    n_shots += 1
                    items.append(
                        f'<li><a href="{name}"><img src="{name}" alt=""></a>'
                        f"<p>{html.escape(kind)}</p></li>"
                    )
                context.close()
                title = f"{width} px, {scheme}"
                sheet = f"{width}-{scheme}.html"
                (asked.out / sheet).write_text(SHEET.format(title=title, items="".join(items)))
                sheets.append(f'<li><a href="{sheet}">{title}</a></li>')
        browser.close()
    index = SHEET.format(title="Contact sheets", items="".join(sheets))
    (asked.out / "index.html").write_text(index)
    seconds = round(time.monotonic() - started, 1)
    report = {"pages": pages, "shots": n_shots, "too_wide": too_wide, "seconds": seconds}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
