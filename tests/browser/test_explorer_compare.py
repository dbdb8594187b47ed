"""Searching in a real browser: a picture dropped and answered, and a concept without a server."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from werkzeug.serving import make_server

from lens_core.atlas import Atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import Classifier, Preprocessing
from lens_core.worker import CropWorker
from tests.browser.explorers import careful_page, plain_host, serving_atlases
from tests.support.directed import make_directed
from tests.support.shared_atlases import make_shared_atlas
from webapp import create_app
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.explorer import alike
from webapp.explorer.site import write_site
from webapp.migrations import migrate

pytestmark = pytest.mark.browser

PX = 32
DROP = """([zone, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "mine.png", { type: "image/png" }));
  for (const kind of ["dragover", "drop"])
    zone.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true }));
}"""


class Colours(nn.Module):
    """Calls a picture red, green or blue by its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 3, 4, stride=4), nn.ReLU())
        self.head = nn.Linear(3, 3)
        with torch.no_grad():
            weight = torch.eye(3) - 0.4
            self.features[0].weight.copy_(weight[:, :, None, None].expand(3, 3, 4, 4) / 16)
            self.features[0].bias.zero_()
            self.head.weight.copy_(10 * torch.eye(3))
            self.head.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.features(x).mean((2, 3)))
        return logits


def _coloured(colour: int, rng: np.random.Generator) -> Image.Image:
    pixels = rng.uniform(0, 70, (4, 4, 3))
    pixels[rng.random((4, 4)) < 0.7, colour] = 240
    return Image.fromarray(pixels.astype(np.uint8)).resize((PX, PX), Image.Resampling.NEAREST)


@contextmanager
def _listening(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def _serious(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")]


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> tuple[ServerConfig, Classifier]:
    """A server's folder with an atlas of three colours, and the model that it explains."""
    folder = tmp_path_factory.mktemp("colours")
    rng = np.random.default_rng(0)
    for colour, name in enumerate(("red", "green", "blue")):
        (folder / "images" / name).mkdir(parents=True)
        for number in range(6):
            _coloured(colour, rng).save(folder / "images" / name / f"{number}.png")
    classifier = Classifier(
        Colours(),
        preprocessing=Preprocessing(input_px=PX, resize_px=PX, mean=(0, 0, 0), std=(1, 1, 1)),
        layer="features",
        class_names=("red", "green", "blue"),
        device="cpu",
        precision="float32",
    )
    config = ServerConfig(directory=folder / "server")
    settings = BuildSettings(concepts=2, visualizations=False, measures=False, display_px=64)
    build_atlas(classifier, folder / "images", config.atlases_dir / "colours", settings)
    return config, classifier


def test_a_picture_is_dropped_framed_and_answered(
    chromium: Any, colours: tuple[ServerConfig, Classifier]
) -> None:
    config, classifier = colours
    database = Database(config.url)
    migrate(database)
    half = Image.new("RGB", (200, 100), (20, 20, 235))
    half.paste((20, 235, 20), (100, 0, 200, 100))
    out = io.BytesIO()
    half.save(out, "PNG")
    complaints: list[str] = []
    stopped = threading.Event()
    with _listening(create_app(config, database)) as host:
        page = chromium.new_context(viewport={"width": 1024, "height": 900}).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
        like = f"{host}/atlas/colours/like"
        page.goto(like)
        assert page.get_by_text("No worker is running").is_visible()
        assert page.get_by_role("button", name="Find what is like it").is_disabled()
        assert _serious(page) == []
        worker = CropWorker(config.directory, classifier)
        thread = threading.Thread(target=worker.run, args=(stopped,))
        thread.start()
        try:
            while not worker.spool.workers(Atlas.open(config.atlases_dir / "colours").hash):
                page.wait_for_timeout(50)
            page.goto(like)
            data = base64.b64encode(out.getvalue()).decode()
            page.evaluate(DROP, [page.query_selector("[data-zone]"), data])
            page.locator("[data-framing]:visible").wait_for()
            assert _serious(page) == []
            # The whole is a square in the middle; with the keys the frame goes to the green half.
            page.get_by_role("slider", name="Size").focus()
            for _ in range(30):
                page.keyboard.press("ArrowLeft")
            page.get_by_role("slider", name="Across").focus()
            page.keyboard.press("End")
            page.get_by_role("button", name="Find what is like it").focus()
            page.keyboard.press("Enter")
            page.wait_for_url("**/like/crop/*")
            page.locator(".near").wait_for()
            assert page.locator(".lead").inner_text().startswith("Alone, the model calls it Green")
            assert page.locator(".near-name").first.inner_text() == "Green"
            page.locator("[data-crop-picture] img").wait_for()
            assert _serious(page) == []
            found = page.url
            page.locator(".near-link").first.click()
            page.wait_for_url("**/class/1#concepts-*")
            page.goto(found)
            assert page.locator(".near-name").first.inner_text() == "Green", "it is a link"
        finally:
            stopped.set()
            thread.join()
        page.context.close()
    database.dispose()
    assert complaints == []
    assert not list(Path(config.directory / "crops").rglob("*.png"))


def test_a_site_of_files_finds_what_is_like_a_concept(
    chromium: Any, synthetic_atlas: Atlas, tmp_path: Path
) -> None:
    write_site(synthetic_atlas, tmp_path / "site")
    with plain_host(tmp_path) as host:
        page = chromium.new_page()
        page.goto(f"{host}/site/class/0.html")
        page.locator(".panel:visible").get_by_role("link", name="Everything like it").click()
        page.locator(".near").wait_for()
        assert page.locator(".near-one").count() == 12
        before = page.locator("[data-like-title]").inner_text()
        assert before == "Everything like concept 0 of Ant"
        page.locator(".near-one").nth(1).get_by_role("link", name="like it").click()
        page.wait_for_function(
            "before => document.querySelector('[data-like-title]').innerText !== before", arg=before
        )
        assert page.get_by_text("a site of files does not have").count() == 1
        page.close()


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_a_site_of_files_puts_any_two_classes_together(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What the server's page says of two classes, from files, for a pair that has no page."""
    rng = np.random.default_rng(8)
    rows, planes = rng.normal(size=(3, 5, 12)), rng.normal(size=(3, 12))
    if kind == "own":
        rows[2] = rows[0] + 0.4 * rows[2]
        atlas = make_directed(
            tmp_path / "insects",
            dict(enumerate(rows)),
            dict(enumerate(planes)),
            n_images=12,
            units=False,
        )
    else:
        atlas = make_shared_atlas(tmp_path / "insects")
    monkeypatch.setattr(alike, "STATIC_PAIRS", 1)
    monkeypatch.setattr(alike, "alike_pairs", lambda book: {(0, 1): 1.0})
    write_site(atlas, tmp_path / "site")
    assert not (tmp_path / "site/compare/0/2.html").exists()

    def told(page: Any) -> list[Any]:
        page.locator(".matches").wait_for(state="attached")
        parts = (".lead", ".apart tbody tr", ".match-value", "section:visible .cards .card-name")
        return [page.locator(part).all_inner_texts() for part in parts]

    with serving_atlases([atlas.root]) as host, careful_page(chromium) as page:
        page.goto(f"{host}atlas/insects/compare/2/0")
        served = told(page)
    assert served[2], "nothing is matched: the test says little"
    with plain_host(tmp_path) as host, careful_page(chromium) as page:
        page.goto(f"{host}/site/compare.html?a=2")
        # The address says 2; its name comes with the list of classes.
        page.wait_for_function("() => document.getElementById('first').value !== '2'")
        assert page.get_by_label("First class").input_value() == "Cricket"
        page.get_by_label("Second class").fill("cricket")
        page.get_by_label("Second class").press("Enter")
        page.get_by_text("Both names mean Cricket").wait_for()
        page.get_by_label("Second class").fill("aant")
        page.get_by_role("button", name="Compare").click()
        page.wait_for_url("**/compare/any.html#2/0")
        page.locator("[data-any-found]:visible").wait_for()
        assert told(page) == served
        assert _serious(page) == []
        page.get_by_role("link", name="Ant first").click()
        page.wait_for_function("() => document.querySelector('h1').innerText.startsWith('Ant')")
        page.goto(f"{host}/site/classes.html?q=bee+vs+ant")
        page.wait_for_url("**/compare/0/1.html", timeout=5000)
