import assert from "node:assert/strict";
import { test } from "node:test";
import {
  accepted,
  columns,
  gridColumns,
  optionKeys,
  optionName,
  stepKeys,
  suggestions,
  tidy,
  verdictText,
} from "./choice-words";

const picture = { label: "", pictures: ["a.webp"] };
const words = ["leaf blade", "midrib", "Stem", "stem base", "main stem"];

test("twenty options and seven steps of confidence have keys of their own", () => {
  const keys = [...optionKeys(20), ...stepKeys(7)];
  assert.equal(keys.length, 27);
  assert.equal(new Set(keys).size, 27);
  assert.deepEqual(optionKeys(3), ["1", "2", "3"]);
  assert.deepEqual(stepKeys(3), ["J", "K", "L"]);
  assert.deepEqual(stepKeys(8), []);
});

test("options are named by label, picture or group", () => {
  assert.equal(optionName({ label: "husky", pictures: [] }, 0), "husky");
  assert.equal(optionName(picture, 1), "Picture 2");
  assert.equal(optionName({ label: "", pictures: ["a", "b", "c"] }, 0), "Group 1, 3 pictures");
});

test("rows of options are about equally full", () => {
  const counts = [1, 2, 6, 7, 10, 20].map((n) => columns(Array.from({ length: n }, () => picture)));
  assert.deepEqual(counts, [1, 2, 6, 4, 5, 5]);
  assert.equal(columns(Array.from({ length: 3 }, () => ({ label: "", pictures: ["a", "b"] }))), 2);
  assert.deepEqual([1, 2, 4, 5, 9].map(gridColumns), [1, 2, 2, 3, 3]);
});

test("suggestions begin with what is typed, then contain a word that does", () => {
  assert.deepEqual(suggestions(words, " ST"), ["Stem", "stem base", "main stem"]);
  assert.deepEqual(suggestions(words, "em"), []);
  assert.equal(suggestions(words, "").length, 5);
});

test("a typed word becomes the vocabulary's; others count only where they may", () => {
  const list = { kind: "vocabulary", words, own_words: false, hint: "" } as const;
  assert.equal(accepted(list, " STEM "), "Stem");
  assert.equal(accepted(list, "root"), null);
  assert.equal(accepted({ ...list, own_words: true }, "fine  hairs"), "fine hairs");
  assert.equal(accepted({ kind: "text", hint: "" }, "  \n "), null);
  assert.equal(tidy("x".repeat(600)).length, 500);
});

test("feedback explains what was not right", () => {
  assert.equal(verdictText(true, "It was number 2."), "Right");
  assert.equal(verdictText(false, "It was number 2."), "Not right. It was number 2.");
  assert.equal(verdictText(false, ""), "Not right");
});
