import assert from "node:assert/strict";
import { test } from "node:test";
import { ConceptMaps } from "./maps";

/** One image, two concepts, 3 × 3 cells. */
function example(second: number[]): ConceptMaps {
  const buffer = new ArrayBuffer(8 + 18);
  new Uint16Array(buffer, 0, 4).set([1, 2, 3, 3]);
  new Uint8Array(buffer, 8).set([...Array<number>(9).fill(255), ...second]);
  return new ConceptMaps(buffer);
}

test("a constant map is that constant everywhere", () => {
  const maps = example(Array<number>(9).fill(51));
  for (const x of [0, 0.1, 0.5, 0.99, 1]) {
    assert.ok(Math.abs(maps.at(0, 0, x, 1 - x) - 1) < 1e-9);
    assert.ok(Math.abs(maps.at(0, 1, x, 0.3) - 0.2) < 1e-9);
  }
});

test("the peak is where the cell is: x runs across, y down", () => {
  const maps = example([0, 0, 255, 0, 0, 0, 0, 0, 0]);
  const upperRight = maps.at(0, 1, 5 / 6, 1 / 6);
  for (const [x, y] of [[1 / 6, 5 / 6], [1 / 6, 1 / 6], [5 / 6, 5 / 6], [0.5, 0.5]] as const) {
    assert.ok(upperRight > maps.at(0, 1, x, y));
  }
});

test("a file that was cut short is refused", () => {
  const buffer = new ArrayBuffer(8 + 17);
  new Uint16Array(buffer, 0, 4).set([1, 2, 3, 3]);
  assert.throws(() => new ConceptMaps(buffer));
});

test("places that are not there are known", () => {
  const maps = example(Array<number>(9).fill(0));
  assert.ok(maps.has(0, 1));
  assert.ok(!maps.has(1, 0));
  assert.ok(!maps.has(0, -1));
});
