import assert from "node:assert/strict";
import { test } from "node:test";
import { askedPair } from "./anypair";
import { askedVersus, chosenPair } from "./choose";

const CLASSES = [
  { id: 3, name: "Ant", also: ["emmet"] },
  { id: 7, name: "Bee", also: [] },
];

test("two names or numbers become two classes, typos included", () => {
  assert.deepEqual(chosenPair(CLASSES, ["bee", "ant"]), [7, 3]);
  assert.deepEqual(chosenPair(CLASSES, ["3", "beee"]), [3, 7]);
  assert.deepEqual(chosenPair(CLASSES, ["emmet", "7"]), [3, 7]);
});

test("what cannot be compared is said", () => {
  assert.equal(chosenPair(CLASSES, ["ant", "emmet"]), "Both names mean Ant: choose another class to compare it with.");
  assert.equal(chosenPair(CLASSES, ["ant", "xyzzy"]), "No class is called anything like “xyzzy”.");
  assert.equal(chosenPair(CLASSES, ["ant", " "]), "Name two classes.");
});

test("a search for two classes is told from one for a name", () => {
  for (const query of ["husky vs wolf", "husky  vs. wolf", "husky versus wolf", "husky OR wolf"])
    assert.deepEqual(askedVersus(query), ["husky", "wolf"]);
  assert.equal(askedVersus("oriole"), null);
});

test("an address names two classes and perhaps a dictionary that there is", () => {
  const names = ["concepts", "units"];
  assert.deepEqual(askedPair("#3/7", names), { ids: [3, 7], dictionary: "concepts" });
  assert.deepEqual(askedPair("#7/3/units", names), { ids: [7, 3], dictionary: "units" });
  for (const wrong of ["", "#3", "#3/3", "#3/7/nothing", "#ant/bee"]) assert.equal(askedPair(wrong, names), null);
});
