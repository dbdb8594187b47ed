"""How the explorer carries an atlas as large as ImageNet's: pages, search, export, memory.

Makes an atlas of 1,000 classes × 10 concepts × 370 images and one of 2,048 concepts that 142
classes share, asks a server for pages, a browser for search, and exports the first as a static
site, once in one go and once killed half-way. Prints one JSON object.

``class_page_kb`` is HTML with the JSON in it, uncompressed, without pictures; ``server_ms_median``
is what a page takes that nobody asked for before, in a process with one thread; ``search_ms`` is
from a key to the answer, the slowest of several; ``site_seconds_resumed`` is what remained after
the interruption. ``*_cpu`` are processor seconds, which a busy machine falsifies less.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
# ruff: noqa: E402

from lens_core.atlas import Atlas
from tests.support.big_atlases import make_big_atlas, make_big_shared_atlas
from webapp.explorer import create_explorer_app
from webapp.explorer.site import write_site

QUERIES = ("gras", "grasshoper", "beee 12", "hornet 99", "drgonfly", "777")


def pages(atlas: Atlas, n_requests: int) -> dict[str, Any]:
    """Sizes and times of class pages, and memory after the first and the last quarter of many."""
    client = create_explorer_app([atlas.root]).test_client()
    slug = client.get("/").headers["Location"]
    ids = [entry.id for entry in atlas.classes]
    client.get(f"{slug}class/{ids[0]}")  # templates are compiled once
    sizes, times, cpu, memory = [], [], [], []
    for number in range(n_requests):
        # Every page is a first one: no class comes twice within what a server keeps.
        address = f"{slug}class/{ids[(1 + 7 * number) % len(ids)]}"
        wall, processor = time.perf_counter(), time.process_time()
        answer = client.get(address)
        times.append(1000 * (time.perf_counter() - wall))
        cpu.append(1000 * (time.process_time() - processor))
        assert answer.status_code == 200
        sizes.append(len(answer.data) / 1000)
        assert answer.text.count('loading="lazy"') > 100, "pictures are loaded when looked at"
        if (number + 1) % max(n_requests // 4, 1) == 0:
            memory.append(resident_mb())
    return {
        "class_page_kb": round(max(sizes), 1),
        "server_ms_median": round(statistics.median(times), 1),
        "server_ms_median_cpu": round(statistics.median(cpu), 1),
        "requests": n_requests,
        "memory_mb": memory,
    }


def shared_pages(atlas: Atlas) -> dict[str, Any]:
    """The same of the atlas with one dictionary for all classes."""
    client = create_explorer_app([atlas.root]).test_client()
    slug = client.get("/").headers["Location"]
    concept = atlas.shared("concepts").info.concepts[0].id
    found = {}
    for name, path in (("home", ""), ("class", "class/3"), ("concept", f"concept/{concept}")):
        client.get(slug + path)
        begun = time.process_time()
        answer = client.get(slug + path)
        assert answer.status_code == 200
        found[f"shared_{name}_kb"] = round(len(answer.data) / 1000, 1)
        found[f"shared_{name}_ms_cpu"] = round(1000 * (time.process_time() - begun), 1)
    return found


def search(atlas: Atlas) -> dict[str, Any]:
    """From a key in a browser to the list that answers it, once the index is there."""
    from playwright.sync_api import sync_playwright
    from werkzeug.serving import make_server

    from tests.conftest import CHROMIUM, CHROMIUM_ARGS

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = create_explorer_app([atlas.root])
    slug = app.test_client().get("/").headers["Location"]
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    binary = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    try:
        with sync_playwright() as runner:
            browser = runner.chromium.launch(executable_path=binary, args=CHROMIUM_ARGS)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}{slug}classes")
            page.locator("#search").fill("ant")
            page.get_by_role("option").first.wait_for()
            took = [page.evaluate(TYPE, query) for query in QUERIES]
            browser.close()
    finally:
        server.shutdown()
    return {"search_ms": round(max(took), 1), "search_ms_median": round(statistics.median(took), 1)}


TYPE = """query => new Promise((done) => {
    const input = document.querySelector('#search');
    const list = document.querySelector('#search-list');
    const begun = performance.now();
    new MutationObserver(() => done(performance.now() - begun))
        .observe(list, { childList: true, subtree: true, attributes: true });
    input.value = query;
    input.dispatchEvent(new InputEvent('input', { bubbles: true }));
})"""


def site(atlas: Atlas, folder: Path) -> dict[str, Any]:
    """One export in one go; one that is killed half-way and called again."""
    seconds, cpu, report = timed(lambda: write_site(atlas, folder / "whole"))
    command = [
        sys.executable,
        "-c",
        "import sys; from lens_core.atlas import Atlas\n"
        "from webapp.explorer.site import write_site\n"
        "write_site(Atlas.open(sys.argv[1]), sys.argv[2])",
        str(atlas.root),
        str(folder / "again"),
    ]
    half = len(atlas.classes) // 2
    notes = folder / ".again.partial" / ".done"
    process = subprocess.Popen(command)
    while process.poll() is None and not (notes.is_dir() and len(list(notes.iterdir())) >= half):
        time.sleep(0.2)
    process.kill()
    process.wait()
    time.sleep(1)  # what its helpers were at ends with it
    kept = len(list(notes.glob("class-*")))
    resumed, resumed_cpu, again = timed(lambda: write_site(atlas, folder / "again"))
    assert again == report, "an export that was interrupted comes to the same"
    return {
        "site_seconds_1000": round(seconds, 1),
        "site_cpu": round(cpu, 1),
        "site_seconds_resumed": round(resumed, 1),
        "site_resumed_cpu": round(resumed_cpu, 1),
        "site_classes_kept": kept,
        "site_pages": report.pages,
        "site_files": report.files,
        "site_mb": round(report.bytes / 1e6),
    }


def timed(act: Any) -> tuple[float, float, Any]:
    """Wall and processor seconds, children included, and what came of it."""
    wall, processor = time.perf_counter(), processor_seconds()
    found = act()
    return time.perf_counter() - wall, processor_seconds() - processor, found


def processor_seconds() -> float:
    """Of this process and of those that ended in it."""
    own, others = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def resident_mb() -> float:
    """Memory that this process has now."""
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


def main() -> None:
    """Make the atlases, measure, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="60 classes of 40 images")
    parser.add_argument("--atlas", type=Path, help="use this one; make none")
    parser.add_argument("--without", nargs="*", default=[], choices=["search", "site", "shared"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if given.atlas is not None:
            atlas = Atlas.open(given.atlas)
        elif given.quick:
            atlas = make_big_atlas(folder / "atlas", n_classes=60, n_images=40)
        else:
            atlas = make_big_atlas(folder / "atlas")
        found = pages(atlas, 60 if given.quick else 2000)
        if "search" not in given.without:
            found |= search(atlas)
        if "site" not in given.without:
            found |= site(atlas, folder)
        if "shared" not in given.without:
            size = {"n_classes": 20, "n_concepts": 128, "n_dead": 32} if given.quick else {}
            found |= shared_pages(make_big_shared_atlas(folder / "shared", **size))
    print(json.dumps(found | {"cores": os.cpu_count(), "quick": given.quick}))


if __name__ == "__main__":
    main()
