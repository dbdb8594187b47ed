"""The clock starts when pictures are seen, whatever the machine does; breaks, cards, signals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments.study import Study, config_toml, freeze_study
from tests.browser.live import LiveServer, make_study
from tests.browser.visitor import GATE, READY, Visitor
from tests.support.atlases import make_atlas

pytestmark = pytest.mark.browser

DECODE_MS = 200
BLOCKED_MS = 150
BREAK_S = 2
ABOUT_A_FRAME_MS = 25

# Decoding takes longer, and when the pictures have been revealed the page stands still. What a
# person would see is noted on the side: the first frame after the pictures are no longer hidden.
SLOW = f"""
window.seen = [];
const decode = HTMLImageElement.prototype.decode;
HTMLImageElement.prototype.decode = function () {{
  const late = new Promise((resolve) => setTimeout(resolve, {DECODE_MS}));
  return Promise.all([decode.call(this), late]).then(() => undefined);
}};
new MutationObserver((changes) => {{
  for (const {{ target }} of changes) {{
    if (!target.classList.contains("two-afc") || target.matches(".waiting")) continue;
    const complete = [...target.querySelectorAll("img")].every((image) => image.complete);
    requestAnimationFrame((at) => {{
      window.seen.push({{ at: performance.timeOrigin + at, complete }});
      requestAnimationFrame(() => {{
        const end = performance.now() + {BLOCKED_MS};
        while (performance.now() < end);
      }});
    }});
  }}
}}).observe(document, {{ subtree: true, attributes: true, attributeFilter: ["class"] }});
window.pressed = [];
document.addEventListener("keydown", (event) =>
  window.pressed.push(performance.timeOrigin + event.timeStamp), true);
"""


@pytest.fixture(scope="module")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two blocks with a break between them, and a card to hold to the screen."""
    folder = tmp_path_factory.mktemp("timing")
    make_atlas(folder / "atlas", n_images=60)
    made = make_study(folder / "draft", folder / "atlas", calibrate=True, viewing_cm=60.0)
    (folder / "draft" / "frozen.json").unlink()
    design = made.config.design.model_copy(update={"break_s": BREAK_S})
    config = made.config.model_copy(update={"design": design})
    (folder / "draft" / "study.toml").write_bytes(config_toml(config))
    freeze_study(folder / "draft")
    return Study.open(folder / "draft", require_frozen=True)


@pytest.fixture
def server(small_study: Study, tmp_path: Path) -> Iterator[LiveServer]:
    """A server of its own."""
    running = LiveServer(tmp_path / "server", small_study)
    yield running
    running.stop()


def wall_ms(stamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000


def test_slow_pictures_a_blocked_page_a_break_and_a_card(
    server: LiveServer, new_visitor: Callable[..., Visitor]
) -> None:
    visitor = new_visitor()
    visitor.context.add_init_script(SLOW)
    page = visitor.page
    visitor.skip_to_the_task("#task .calibrate .primary")
    page.locator("#task input[type=range]").press("ArrowRight")
    page.click("#task .calibrate .primary")
    visitor.come_to_a_trial()
    page.wait_for_timeout(2 * BLOCKED_MS)
    visitor.press()
    visitor.wait_for_saved(1)
    answer = server.answers(visitor.person)[0]
    seen, pressed = page.evaluate("[window.seen, window.pressed]")
    assert seen[0]["complete"], "every picture was there when the first became visible"
    assert answer.presented_at is not None
    assert answer.rt_ms is not None
    # The logged onset is the frame in which the pictures were shown, not when they were asked for.
    assert abs(wall_ms(answer.presented_at) - seen[0]["at"]) <= ABOUT_A_FRAME_MS
    assert abs(answer.rt_ms - (pressed[-1] - seen[0]["at"])) <= ABOUT_A_FRAME_MS
    assert answer.onset_error_ms is not None
    assert answer.onset_error_ms >= DECODE_MS - 50 - ABOUT_A_FRAME_MS, (
        "it was 200 ms late, and says so"
    )
    assert answer.dropped_frames is not None
    assert answer.dropped_frames >= 0.5 * BLOCKED_MS / (1000 / 60), "the stand-still is flagged"
    machine = server.session_of(visitor.person).environment
    assert machine is not None
    card = machine["calibration"]
    assert card["viewing_cm"] == 60
    assert card["px_per_mm"] == pytest.approx(326 / 85.6, abs=0.001)
    assert card["px_per_degree"] == pytest.approx(326 / 85.6 * 10.4726, abs=0.01)
    assert machine["webdriver"] is True
    # To the end of the first block, where the next cannot be entered before the break is over.
    while True:
        page.wait_for_selector(f"{READY}, .gate .primary")
        if page.locator(".gate .primary:disabled").count():
            break
        if page.locator(GATE).count():
            page.click(GATE)
            continue
        visitor.answer_and_go_on(keyboard=True)
    assert "in " in page.locator(GATE).inner_text()
    page.wait_for_selector(".gate .primary:enabled")
    page.evaluate("document.dispatchEvent(new ClipboardEvent('paste'))")
    visitor.go_to_the_end(keyboard=True)
    kinds = [event.kind for event in server.events(visitor.person)]
    assert "signal_webdriver" in kinds
    assert "signal_paste" in kinds
    assert visitor.person.state == "complete", "signals are written down and change nothing"
