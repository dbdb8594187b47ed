import assert from "node:assert/strict";
import { test } from "node:test";
import { waterfall } from "./barchart";
import { compare, field, number } from "./tables";

test("numbers are read as the page writes them", () => {
  assert.equal(number("38.1\u00a0%"), 38.1);
  assert.equal(number("\u22120.25"), -0.25);
  assert.equal(number("+12"), 12);
  assert.equal(number("1,024"), 1024);
  for (const text of ["", "–", "Concept 3", "leads in 3 %"]) assert.ok(Number.isNaN(number(text)));
});

test("rows are ordered by size, then by name, and what is missing comes last", () => {
  assert.deepEqual(["10 %", "9 %", "–", "\u22121 %"].sort(compare), ["\u22121 %", "9 %", "10 %", "–"]);
  assert.deepEqual(["Concept 10", "Concept 2"].sort(compare), ["Concept 2", "Concept 10"]);
});

test("a saved table holds numbers, and no formulas", () => {
  assert.equal(field(" 38.1\u00a0% "), "0.381");
  assert.equal(field("\u22120.25"), "-0.25");
  assert.equal(field("=SUM(A1)"), "'=SUM(A1)");
  assert.equal(field('ant, "red"'), '"ant, ""red"""');
});

test("a waterfall's bars follow one another, and the last is the total", () => {
  const bar = (value: number) => ({ label: "", value, text: "", color: "" });
  const bars = waterfall([bar(3), bar(-1), bar(2)], bar(4));
  assert.deepEqual(bars.map(({ from, value }) => [from, value]), [[0, 3], [3, -1], [2, 2], [0, 4]]);
});
