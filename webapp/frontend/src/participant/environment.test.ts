import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SETTINGS, type Settings } from "./api";
import { browserOf, fitOf, systemOf } from "./environment";
import { keysOf, wordOf } from "./plugins/answers";

test("browsers that claim to be others are told apart", () => {
  const webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
  const cases: [string, string, string][] = [
    [`Mozilla/5.0 (Windows NT 10.0) ${webkit} Chrome/130.0 Safari/537.36 Edg/130.0`, "Edge 130", "Windows"],
    [`Mozilla/5.0 (Windows NT 10.0) ${webkit} Chrome/130.0 Safari/537.36`, "Chrome 130", "Windows"],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox 128", "Linux"],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 14) AppleWebKit/605 Version/17.4 Safari/605", "Safari 17", "macOS"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 17 like Mac OS X) AppleWebKit/605 CriOS/130.0 Safari/604", "Chrome 130", "iOS"],
    ["something else", "unknown", "unknown"],
  ];
  for (const [agent, browser, system] of cases) {
    assert.equal(browserOf(agent), browser);
    assert.equal(systemOf(agent), system);
  }
});

test("phones are refused or allowed by the study, windows by their size", () => {
  const strict: Settings = { ...DEFAULT_SETTINGS, min_viewport_px: [940, 600], allow_phones: false };
  const phone = [[390, 700], [390, 844], true] as const;
  assert.equal(fitOf(strict, ...phone), "phone refused");
  assert.equal(fitOf({ ...strict, allow_phones: true }, ...phone), "fits");
  assert.equal(fitOf(strict, [939, 700], [1920, 1080], false), "window too small");
  assert.equal(fitOf(strict, [940, 600], [1920, 1080], false), "fits");
  assert.equal(fitOf(strict, [1000, 700], [1280, 800], true), "fits");
});

test("every answer has a key of its own and the highest step is certain", () => {
  for (const steps of [0, 1, 2, 3, 4]) {
    const keys = [...keysOf(0, steps), ...keysOf(1, steps)];
    assert.equal(keys.length, 2 * Math.max(steps, 1));
    assert.equal(new Set(keys).size, keys.length);
  }
  assert.deepEqual([1, 2, 3].map((step) => wordOf(step, 3)), ["a guess", "fairly sure", "certain"]);
});
