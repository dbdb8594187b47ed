import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance, normalise, searchClasses, type ClassEntry } from "./rank";

const classes: ClassEntry[] = [
  { id: 310, name: "Ant", also: ["emmet", "pismire"] },
  { id: 309, name: "Bee", also: [] },
  { id: 319, name: "Dragonfly", also: ["darning needle", "snake feeder"] },
  { id: 69, name: "Trilobite", also: [] },
  { id: 386, name: "African elephant", also: ["Loxodonta africana"] },
];
const names = (query: string) => searchClasses(classes, query).map((found) => found.entry.name);

test("distance counts a swap of neighbours once", () => {
  assert.equal(editDistance("drgaon", "dragon"), 1);
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("", "bee"), 3);
});

test("text is compared without case, accents and separators", () => {
  assert.equal(normalise("  Café_au-Lait "), "cafe au lait");
});

test("names, synonyms and numbers find a class", () => {
  assert.equal(names("bee")[0], "Bee");
  assert.equal(names("pismire")[0], "Ant");
  assert.equal(names("310")[0], "Ant");
  assert.equal(names("elephant")[0], "African elephant");
});

test("the synonym that answered is told", () => {
  assert.equal(searchClasses(classes, "snake")[0]?.by, "snake feeder");
  assert.equal(searchClasses(classes, "dragon")[0]?.by, null);
});

test("typing errors are forgiven, but not in words too short to tell", () => {
  assert.equal(names("dargonfly")[0], "Dragonfly");
  assert.equal(names("elefant")[0], "African elephant");
  assert.deepEqual(names("bxe"), []);
});

test("a better answer comes first, and nothing is found for nothing", () => {
  assert.equal(names("ant")[0], "Ant");
  assert.deepEqual(names("  "), []);
  assert.deepEqual(names("zeppelin"), []);
});
