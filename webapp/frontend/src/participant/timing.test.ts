import assert from "node:assert/strict";
import { test } from "node:test";
import { appear, type Clock, corrected, droppedFrames, FrameWatch, measureFrameInterval, median } from "./timing";

/** A display that shows frames at the given times. */
function display(stamps: number[]): Clock & { shown: number } {
  const clock = {
    shown: Number.NaN,
    origin: Date.UTC(2030, 0, 1),
    now: () => clock.shown,
    frame: (callback: (stamp: number) => void) => {
      const stamp = stamps.shift();
      if (stamp === undefined) return;
      queueMicrotask(() => {
        clock.shown = stamp;
        callback(stamp);
      });
    },
  };
  return clock;
}

const every = (interval: number, n: number): number[] =>
  Array.from({ length: n }, (_, i) => i * interval);

test("the median of an even and of an odd number of values", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test("the frame interval is not moved by a single long frame", async () => {
  const stamps = every(10, 31).map((stamp, i) => (i > 20 ? stamp + 35 : stamp));
  assert.equal(await measureFrameInterval(30, display(stamps)), 10);
});

test("onset is the refresh after the frame that reveals, closest to what was intended", async () => {
  const clock = display(every(10, 20));
  let revealed = Number.NaN;
  const onset = await appear(() => (revealed = clock.now()), 62, 10, clock);
  assert.equal(revealed, 50);
  assert.equal(onset.at, 60);
  assert.equal(onset.error_ms, -2);
  assert.equal(onset.wall, "2030-01-01T00:00:00.060Z");
});

test("a frame that is late shows in the onset error", async () => {
  const onset = await appear(() => undefined, 30, 10, display([0, 10, 20, 60]));
  assert.equal(onset.at, 60);
  assert.equal(onset.error_ms, 30);
});

test("a moment already past means the next frame", async () => {
  const onset = await appear(() => undefined, -500, 10, display([0, 10]));
  assert.equal(onset.at, 10);
});

test("a browser that says when it painted is believed where that is another frame", async () => {
  const onset = await appear(() => undefined, 30, 10, display([0, 10, 20, 60]));
  assert.deepEqual(onset.stamps, [20, 60]);
  assert.equal(corrected(onset, null, 10), onset, "one that does not leaves our own");
  assert.equal(corrected(onset, 56, 10), onset, "rounding is no other frame");
  const earlier = corrected(onset, 32, 10, display([]));
  assert.equal(earlier.at, 32);
  assert.equal(earlier.error_ms, 2);
  assert.equal(earlier.wall, "2030-01-01T00:00:00.032Z");
  assert.equal(corrected(onset, 72, 10).error_ms, 42);
});

test("frames lost in the very frame that reveals are counted", async () => {
  const clock = display([70, 80, 110]);
  const watch = new FrameWatch(10, () => false, clock);
  watch.start([20, 60]);
  while (clock.shown !== 110) await Promise.resolve();
  assert.equal(watch.stop(), 3 + 0 + 2);
});

test("dropped frames are whole intervals without a frame; jitter is none", () => {
  assert.equal(droppedFrames(every(16.7, 10), 16.7), 0);
  assert.equal(droppedFrames([0, 18, 33, 52], 16.7), 0);
  assert.equal(droppedFrames([0, 16.7, 66.8, 83.5], 16.7), 2);
});

test("frames dropped while the tab is hidden do not count", async () => {
  const clock = display([0, 10, 40, 50, 500, 510]);
  const watch = new FrameWatch(10, () => clock.shown > 50 && clock.shown <= 500, clock);
  watch.start();
  while (clock.shown !== 510) await Promise.resolve();
  assert.equal(watch.stop(), 2);
});
