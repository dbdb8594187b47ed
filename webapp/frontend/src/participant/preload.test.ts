import assert from "node:assert/strict";
import { test } from "node:test";
import { pictureUrls, preload, TRIES } from "./preload";

const urls = Array.from({ length: 20 }, (_, i) => `/stimuli/${i}.webp`);
const quiet = { onProgress: () => undefined, onFailure: () => undefined };
const atOnce = async (): Promise<void> => undefined;

test("at most six pictures are on their way, and each is fetched once", async () => {
  let now = 0;
  let most = 0;
  const fetched: string[] = [];
  const load = async (url: string): Promise<void> => {
    now += 1;
    most = Math.max(most, now);
    fetched.push(url);
    await new Promise((resolve) => setTimeout(resolve, 1));
    now -= 1;
  };
  const progress: number[] = [];
  const failed = await preload([...urls, ...urls], load, atOnce, {
    ...quiet,
    onProgress: (done) => progress.push(done),
  });
  assert.deepEqual(failed, []);
  assert.equal(most, 6);
  assert.deepEqual(fetched.sort(), [...urls].sort());
  assert.equal(progress.at(-1), urls.length);
});

test("a picture that fails is tried again, and named if it never comes", async () => {
  const tries = new Map<string, number>();
  const load = async (url: string): Promise<void> => {
    const n = (tries.get(url) ?? 0) + 1;
    tries.set(url, n);
    if (url === urls[0] || (url === urls[1] && n < TRIES)) throw new Error("404");
  };
  const failures: string[] = [];
  const failed = await preload(urls, load, atOnce, {
    ...quiet,
    onFailure: (url) => failures.push(url),
  });
  assert.deepEqual(failed, [urls[0]]);
  assert.ok(TRIES > 2);
  assert.equal(tries.get(urls[1] as string), TRIES);
  assert.equal(failures.length, TRIES + TRIES - 1);
});

test("picture addresses are found wherever they stand in a trial", () => {
  const trial = {
    kind: "two_afc",
    references: { strong: ["/a.webp"], weak: ["/b.png?v=1"] },
    options: ["/c.webp", "/d.webp"],
    labels: { question: "Which?" },
    feedback: true,
  };
  assert.deepEqual(pictureUrls(trial), ["/a.webp", "/b.png?v=1", "/c.webp", "/d.webp"]);
});
