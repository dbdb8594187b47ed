import assert from "node:assert/strict";
import { test } from "node:test";
import { cosine, match, unpacked } from "./matching";

/** The largest total by trying every assignment of rows to columns. */
function best(likeness: number[][], row = 0, taken: number[] = []): number {
  if (row === likeness.length) return 0;
  const columns = likeness[row]!.map((_, j) => j).filter((j) => !taken.includes(j));
  return Math.max(...columns.map((j) => likeness[row]![j]! + best(likeness, row + 1, [...taken, j])));
}

test("the largest total is found, whichever side is longer", () => {
  let seed = 1;
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (const [n, m] of [[1, 1], [3, 5], [5, 5], [2, 6]] as const)
    for (let round = 0; round < 20; round++) {
      const likeness = Array.from({ length: n }, () => Array.from({ length: m }, () => 2 * random() - 1));
      const turned = Array.from({ length: m }, (_, j) => likeness.map((row) => row[j]!));
      for (const [table, sign] of [[likeness, "as it is"], [turned, "turned"]] as const) {
        const pairs = match(table, -Infinity);
        assert.equal(pairs.length, n);
        assert.equal(new Set(pairs.map(({ left }) => left)).size, n);
        assert.equal(new Set(pairs.map(({ right }) => right)).size, n);
        const total = pairs.reduce((sum, pair) => sum + pair.likeness, 0);
        assert.ok(Math.abs(total - best(likeness)) < 1e-9, `${n} × ${m} ${sign}`);
      }
    }
});

test("weak pairs are taken apart again, the most alike come first", () => {
  const pairs = match([[0.4, 0.1], [0.2, 0.9]], 0.3);
  assert.deepEqual(pairs, [
    { left: 1, right: 1, likeness: 0.9 },
    { left: 0, right: 0, likeness: 0.4 },
  ]);
  assert.deepEqual(match([[0.2]], 0.3), []);
  assert.deepEqual(match([], 0.3), []);
});

test("numbers come back as they were written", () => {
  const numbers = new Float32Array([1.5, -2, 0.1]);
  const text = btoa(String.fromCharCode(...new Uint8Array(numbers.buffer)));
  assert.deepEqual(unpacked(text), numbers);
  assert.equal(cosine(numbers, numbers), 1);
  assert.equal(cosine(numbers, new Float32Array(3)), 0);
});
