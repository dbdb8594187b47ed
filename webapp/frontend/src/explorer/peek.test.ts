import assert from "node:assert/strict";
import { test } from "node:test";
import { firstImage } from "./peek";

const HOME = "http://host/atlas/insects/";

test("the picture of a class is found from the address of its page", () => {
  const expected = `${HOME}files/classes/00310/images/0000.webp?v=abc`;
  for (const page of ["class/310", "class/310#concepts-3", "class/310/units?image=4"])
    assert.equal(firstImage(HOME + page, HOME, "", "abc"), expected);
  for (const page of ["class/310.html", "class/310/units.html#units-4"])
    assert.equal(firstImage(HOME + page, HOME, ".html", "abc"), expected);
});

test("pages of other things have none", () => {
  for (const page of ["classes", "concept/concepts-3", "class/3/concepts/image/4", "compare/3/4"])
    assert.equal(firstImage(HOME + page, HOME, "", "abc"), null);
  assert.equal(firstImage("http://host/atlas/birds/class/3", HOME, "", "abc"), null);
});
