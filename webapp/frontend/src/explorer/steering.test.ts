import assert from "node:assert/strict";
import { test } from "node:test";
import { between, broken, type Curve } from "./steering";

const curve: Curve = {
  logit: [],
  probability: [],
  changed: [],
  changes_at: -1,
  bends_at: 3,
  leaves_at: 4,
};

test("values between doses lie on the line, at the ends they stay", () => {
  const doses = [-1, 0, 2];
  const values = [5, 1, 7];
  assert.equal(between(doses, values, -1), 5);
  assert.equal(between(doses, values, -0.5), 3);
  assert.equal(between(doses, values, 0), 1);
  assert.equal(between(doses, values, 1), 4);
  assert.equal(between(doses, values, 9), 7);
});

test("what has broken is told on its own side of zero alone", () => {
  assert.equal(broken(curve, 0), "");
  assert.equal(broken(curve, 3), "");
  assert.equal(broken(curve, 3.5), "More of it works the other way.");
  assert.equal(broken(curve, -1), "Most decisions have changed.");
  assert.match(broken(curve, 4), /no longer like real ones/);
  assert.doesNotMatch(broken(curve, 4), /decisions/);
});
