import assert from "node:assert/strict";
import { test } from "node:test";
import { nameIn, unpack } from "./bundles";
import { located } from "./preload";

function bundle(names: string[], size: number): ArrayBuffer {
  const data = new Uint8Array(8 + names.length * (32 + size));
  new DataView(data.buffer).setUint32(0, names.length, true);
  new DataView(data.buffer).setUint32(4, size, true);
  names.forEach((name, i) => {
    data.set(new TextEncoder().encode(name), 8 + i * (32 + size));
    data.fill(i + 1, 8 + i * (32 + size) + 32, 8 + (i + 1) * (32 + size));
  });
  return data.buffer;
}

test("a bundle is taken apart by name", async () => {
  const names = ["a".repeat(32), "b".repeat(32)];
  const pictures = unpack(bundle(names, 5));
  assert.deepEqual([...pictures.keys()], names);
  const second = await (pictures.get(names[1] as string) as Blob).arrayBuffer();
  assert.deepEqual([...new Uint8Array(second)], [2, 2, 2, 2, 2]);
});

test("what was cut short or is no bundle is refused", () => {
  const whole = bundle(["a".repeat(32)], 5);
  assert.throws(() => unpack(whole.slice(0, -1)));
  assert.throws(() => unpack(new ArrayBuffer(3)));
  assert.throws(() => unpack(new TextEncoder().encode("<html>log in first</html>").buffer as ArrayBuffer));
});

test("addresses are replaced wherever they stand in a trial", () => {
  const trial = { options: ["/s/x.webp", "/s/y.webp"], labels: { q: "which?" }, index: 3 };
  const found = located(trial, (url) => (nameIn(url) === "y" ? "blob:1" : url));
  assert.deepEqual(found, { options: ["/s/x.webp", "blob:1"], labels: { q: "which?" }, index: 3 });
});
