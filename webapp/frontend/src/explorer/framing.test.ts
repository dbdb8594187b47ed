import assert from "node:assert/strict";
import { test } from "node:test";
import { fitted, movedTo, squareOf, WHOLE } from "./framing";

test("the whole frame is the central square", () => {
  assert.deepEqual(squareOf(WHOLE, 400, 300), { left: 50, top: 0, side: 300 });
  assert.deepEqual(squareOf(WHOLE, 300, 400), { left: 0, top: 50, side: 300 });
});

test("a frame never leaves the picture", () => {
  const square = squareOf({ x: 1, y: 0, size: 0.5 }, 400, 300);
  assert.deepEqual(square, { left: 250, top: 0, side: 150 });
  assert.equal(squareOf({ x: 0.5, y: 0.5, size: 0 }, 400, 400).side, 20);
});

test("a frame that is dragged beyond the edge stays at it, and says so", () => {
  const frame = movedTo({ x: 0.5, y: 0.5, size: 0.5 }, 1000, -50, 400, 400);
  assert.deepEqual(frame, { x: 0.75, y: 0.25, size: 0.5 });
});

test("a picture is shown whole", () => {
  assert.deepEqual(fitted(400, 200, 640, 480), { scale: 1.6, left: 0, top: 80 });
});
