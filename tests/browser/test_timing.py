"""The clock starts when pictures are seen, whatever the machine does; breaks, cards, signals."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from experiments.study import Study, config_toml, freeze_study
from tests.browser.live import LiveServer
from tests.browser.visitor import CODE, READY, Visitor
from webapp.models import Response

pytestmark = pytest.mark.browser

DECODE_MS = 200
BLOCKED_MS = 150
START_DELAY_MS = 50
BREAK_S = 2
N_PICTURES = 20
AT_ONCE, LATER = "at once", "later"
STAMP_MS = 1.0
"""To this the wall clock is written down."""
PAINT_MS = 4.0
"""To this browsers round the time of a paint."""

# What a person would see is noted beside the task: when the browser itself says that each picture
# was painted (Element Timing). Decoding a picture of a trial takes longer, and the page stands
# still: in the very frame that reveals the pictures, before it can be painted, or two frames later.
WATCH = f"""
const blocks = {[AT_ONCE, LATER]};
const seen = {{ painted: [], pressed: [], revealed: [], origin: performance.timeOrigin }};
// Storage outlives the page, which the last answer leaves.
const note = (what, value) => {{
  seen[what].push(value);
  localStorage.setItem("seen", JSON.stringify(seen));
}};
const stand = () => {{
  const end = performance.now() + {BLOCKED_MS};
  while (performance.now() < end);
}};
const shown = new WeakSet();
const decode = HTMLImageElement.prototype.decode;
HTMLImageElement.prototype.decode = function () {{
  const wait = this.isConnected ? {DECODE_MS} : 0;
  const late = new Promise((resolve) => setTimeout(resolve, wait));
  return Promise.all([decode.call(this), late]).then(() => undefined);
}};
new PerformanceObserver((list) => {{
  for (const entry of list.getEntries()) note("painted", entry.renderTime);
}}).observe({{ type: "element", buffered: true }});
new MutationObserver((changes) => {{
  for (const {{ target }} of changes) {{
    if (!target.classList.contains("two-afc")) continue;
    if (target.matches(".waiting") || shown.has(target)) continue;
    shown.add(target);
    const when = blocks[seen.revealed.length % blocks.length];
    const complete = [...target.querySelectorAll("img")].every((image) => image.complete);
    note("revealed", {{ at: performance.now(), complete }});
    if (when === "{LATER}") requestAnimationFrame(() => requestAnimationFrame(stand));
    if (when === "{AT_ONCE}") stand();
  }}
}}).observe(document, {{ subtree: true, attributes: true, attributeFilter: ["class"] }});
document.addEventListener("keydown", (event) => note("pressed", event.timeStamp), true);
"""


@pytest.fixture(scope="module")
def slow_study(small_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Two blocks with a break between them, and a card to hold to the screen."""
    folder = tmp_path_factory.mktemp("timing") / "study"
    shutil.copytree(small_study.root, folder)
    (folder / "frozen.json").unlink()
    given = small_study.config
    changed: dict[str, Any] = {
        "design": given.design.model_copy(update={"break_s": BREAK_S}),
        "session": given.session.model_copy(update={"calibrate": True, "viewing_cm": 60.0}),
    }
    (folder / "study.toml").write_bytes(config_toml(given.model_copy(update=changed)))
    freeze_study(folder)
    return Study.open(folder, require_frozen=True)


@pytest.fixture
def server(slow_study: Study, tmp_path: Path) -> Iterator[LiveServer]:
    """A server of its own."""
    running = LiveServer(tmp_path / "server", slow_study)
    yield running
    running.stop()


def onset_ms(answer: Response) -> float:
    """The logged onset, milliseconds since 1970."""
    stamp = datetime.fromisoformat(str(answer.presented_at).replace("Z", "+00:00"))
    return stamp.timestamp() * 1000


def go_through(visitor: Visitor) -> int:
    """Answer every trial by key, a while after it appeared; how often a break was kept."""
    page, breaks = visitor.page, 0
    while True:
        page.wait_for_selector(f"{READY}, .gate .primary, {CODE}")
        if page.locator(CODE).count():
            return breaks
        if page.locator(".gate .primary:disabled").count():
            assert " in " in page.locator(".gate .primary").inner_text()
            breaks += 1
        visitor.come_to_a_trial()
        page.wait_for_timeout(2 * BLOCKED_MS)
        visitor.answer_and_go_on(keyboard=True)


def test_the_clock_follows_paint_on_a_slow_machine(
    server: LiveServer, new_visitor: Callable[..., Visitor]
) -> None:
    visitor = new_visitor()
    visitor.context.add_init_script(WATCH)
    page = visitor.page
    visitor.skip_to_the_task("#task .calibrate .primary")
    page.locator("#task input[type=range]").press("ArrowRight")
    page.click("#task .calibrate .primary")
    page.evaluate("document.dispatchEvent(new ClipboardEvent('paste'))")
    breaks = go_through(visitor)
    seen = page.evaluate("JSON.parse(localStorage.getItem('seen'))")
    person = visitor.person
    machine = server.session_of(person).environment
    assert machine is not None
    frame_ms = machine["frame_interval_ms"]
    answers = server.answers(person)
    paints = [
        seen["painted"][i : i + N_PICTURES] for i in range(0, len(seen["painted"]), N_PICTURES)
    ]
    pressed = seen["pressed"][-len(answers) :]
    assert len(paints) == len(answers) == len(seen["revealed"]) == 6
    onset_errors, rt_errors = [], []
    for answer, painted, key in zip(answers, paints, pressed, strict=True):
        assert max(painted) - min(painted) <= frame_ms, "pictures appear together"
        assert answer.rt_ms is not None
        onset_errors.append(onset_ms(answer) - seen["origin"] - painted[0])
        rt_errors.append(answer.rt_ms - (key - painted[0]))
    # The logged onset is when the pictures were painted, not when they were asked for.
    one_frame = frame_ms + PAINT_MS + STAMP_MS
    assert max(map(abs, onset_errors)) <= one_frame
    assert max(map(abs, rt_errors)) <= one_frame
    late = {AT_ONCE: DECODE_MS - START_DELAY_MS + BLOCKED_MS, LATER: DECODE_MS - START_DELAY_MS}
    for answer, when in zip(answers, (AT_ONCE, LATER) * 3, strict=True):
        assert answer.onset_error_ms is not None
        assert answer.onset_error_ms >= late[when] - frame_ms, "it was late, and says so"
        assert answer.dropped_frames is not None
        assert answer.dropped_frames >= 0.8 * BLOCKED_MS / frame_ms - 1, "frames that were lost"
    card = machine["calibration"]
    assert card["viewing_cm"] == 60
    assert card["px_per_mm"] == pytest.approx(326 / 85.6, abs=0.001)
    assert card["px_per_degree"] == pytest.approx(326 / 85.6 * 10.4726, abs=0.01)
    assert breaks == 1, "the second block could not be entered before the break was over"
    kinds = {event.kind for event in server.events(person)}
    assert {"signal_webdriver", "signal_paste"} <= kinds
    assert machine["webdriver"] is True
    assert person.state == "complete", "signals are written down and change nothing"
