import assert from "node:assert/strict";
import { test } from "node:test";
import { gateText, type Passage, troubleText } from "./words";

const FIRST: Passage = {
  first: true,
  answered: 0,
  total: 12,
  trial: { index: 0, kind: "two-afc", phase: "test" },
  before: null,
  fullScreen: false,
  keyboard: true,
  breakS: 0,
  resume: "resume",
};

test("the first page says what closing it means, where that is not what one expects", () => {
  const text = (resume: Passage["resume"]): string => gateText({ ...FIRST, resume }).text;
  assert.match(text("refuse"), /in one go: .* your visit ends\./);
  assert.match(text("checkpoint"), /the part that you are in begins again\./);
  assert.doesNotMatch(text("resume"), /close/);
  const later = { ...FIRST, first: false, before: FIRST.trial, resume: "refuse" } as const;
  assert.doesNotMatch(gateText(later).text, /close/);
});

test("only who has keys is told of one", () => {
  const full = { ...FIRST, fullScreen: true };
  assert.match(gateText(full).text, /fills the screen; Esc leaves it\.$/);
  assert.match(gateText({ ...full, keyboard: false }).text, /fills the screen\.$/);
});

test("who comes back is told whether the part begins again", () => {
  const again = { ...FIRST, answered: 5, trial: { ...FIRST.trial, attempt: 2 } };
  assert.match(gateText(again).text, /answered 5 of 12.* begins again/);
  assert.match(gateText({ ...FIRST, answered: 5 }).text, /go on where you were/);
});

test("a break closes the button between blocks, not before the first nor after practice", () => {
  const between = { ...FIRST, first: false, answered: 6, breakS: 20 };
  assert.equal(gateText({ ...between, before: FIRST.trial }).wait_s, 20);
  assert.equal(gateText({ ...between, before: { ...FIRST.trial, phase: "practice" } }).wait_s, undefined);
  assert.equal(gateText({ ...FIRST, breakS: 20 }).wait_s, undefined);
});

test("nobody is told to load a page again whose loading again ends the visit", () => {
  for (const cause of ["refused", "error"] as const) {
    const trouble = troubleText(cause, "refuse");
    assert.equal(trouble.inPlace, true);
    assert.doesNotMatch(trouble.text, /load the page again/i);
    assert.match(trouble.text, /do not reload or close this page/);
    for (const resume of ["resume", "checkpoint"] as const) {
      assert.equal(troubleText(cause, resume).inPlace, false);
      assert.match(troubleText(cause, resume).text, /Load the page again/);
    }
  }
});
