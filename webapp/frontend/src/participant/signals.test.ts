import assert from "node:assert/strict";
import { test } from "node:test";
import { CARD_MM, calibration } from "./calibration";
import { Signals } from "./signals";

function watched(automated = false) {
  const kinds: string[] = [];
  const page = new EventTarget();
  const signals = new Signals((kind) => kinds.push(kind));
  signals.watch(page, automated);
  const click = (detail: number): void => {
    page.dispatchEvent(Object.assign(new Event("click"), { detail }));
  };
  return { kinds, page, signals, click };
}

test("what a browser says of itself and answers too fast for people are written down", () => {
  const { kinds, signals } = watched(true);
  signals.answered(0, 149);
  signals.answered(1, 151);
  assert.deepEqual(kinds, ["signal_webdriver", "signal_too_fast"]);
});

test("clicks without any movement before are told once; keys and movement are no sign", () => {
  const still = watched();
  for (let i = 0; i < 5; i += 1) still.click(1);
  assert.deepEqual(still.kinds, ["signal_no_pointer_movement"]);
  const keys = watched();
  for (let i = 0; i < 5; i += 1) keys.click(0);
  const moving = watched();
  moving.page.dispatchEvent(new Event("pointermove"));
  for (let i = 0; i < 5; i += 1) moving.click(1);
  assert.deepEqual([...keys.kinds, ...moving.kinds], []);
});

test("a degree at 57.3 cm is a centimetre", () => {
  const found = calibration(CARD_MM.width * 4, 57.3);
  assert.equal(found.px_per_mm, 4);
  assert.ok(Math.abs(found.px_per_degree - 40) < 0.01);
});
