import assert from "node:assert/strict";
import { test } from "node:test";
import { Api, type Boot, Unreachable } from "./api";
import { AnswerQueue } from "./queue";
import { type Answer, Halt, randomUuid, TaskSession } from "./session";
import { MemoryStore } from "./store";

const boot: Boot = {
  api: "/api/v1",
  study: "x",
  csrf: "c",
  session: "s",
  page_token: "t",
  n_trials: 2,
};
const answer: Answer = {
  response: { choice: 0, confidence: 3 },
  rt_ms: 700,
  onset_error_ms: 0,
  dropped_frames: 0,
  presented_at: "2030-01-01T00:00:00.000Z",
  answered_at: "2030-01-01T00:00:00.700Z",
};
const block = {
  state: "active",
  next: 0,
  total: 2,
  answered: 0,
  page_token: "t2",
  trials: [
    { index: 0, kind: "two_afc", phase: "test" },
    { index: 1, kind: "two_afc", phase: "test" },
  ],
};

/** A session whose server gives the listed replies: status and body. */
function sessionWith(replies: [number, object][]) {
  const requests: { url: string; body: Record<string, unknown> | null }[] = [];
  const api = new Api(boot, (async (url: string, init: RequestInit) => {
    requests.push({ url, body: init.body ? JSON.parse(String(init.body)) : null });
    const [status, body] = replies.shift() ?? [418, {}];
    return new Response(JSON.stringify(body), { status });
  }) as typeof fetch);
  const rest = async (): Promise<void> => undefined;
  const hooks = { onState: () => undefined, onProblem: () => undefined };
  const queue = new AnswerQueue(
    new MemoryStore(),
    ({ index, body }) => api.answer(index, body),
    rest,
    hooks,
  );
  return { session: new TaskSession(api, queue, rest, () => undefined), requests };
}

test("the position moves only when the server has acknowledged", async () => {
  const { session, requests } = sessionWith([
    [200, block],
    [500, {}],
    [200, { saved: true, index: 0, next: 1, correct: true, score: { correct: 1, answered: 1 } }],
  ]);
  await session.load();
  assert.equal(session.current?.index, 0);
  const committing = session.commit(answer);
  assert.equal(session.current?.index, 0);
  assert.deepEqual(await committing, { correct: true });
  assert.equal(session.current?.index, 1);
  assert.equal(session.answered, 1);
  assert.deepEqual(session.score, { correct: 1, answered: 1 });
  assert.deepEqual(requests[1], requests[2]);
  assert.equal(requests[1]?.body?.["page_token"], "t2");
});

test("nobody is sent on before the server confirms the count", async () => {
  const { session } = sessionWith([
    [200, { ...block, next: null, trials: [], answered: 2 }],
    [409, { error: "incomplete", next: 1 }],
    [503, {}],
    [200, { redirect: "/study/x/debrief" }],
  ]);
  await session.load();
  assert.equal(session.done, true);
  assert.equal(await session.finish(), null);
  assert.equal(await session.finish(), "/study/x/debrief");
});

test("an answer that another page gave first makes this page ask where it is", async () => {
  const { session } = sessionWith([
    [200, block],
    [409, { error: "answered", saved_uuid: "another" }],
  ]);
  await session.load();
  assert.deepEqual(await session.commit(answer), { correct: null });
  assert.equal(session.current, null);
});

for (const [status, body, reason] of [
  [409, { error: "stale_page" }, "stale"],
  [422, { error: "bad_body" }, "refused"],
  [403, { error: "timed_out", redirect: "/study/x/" }, "left"],
] as const) {
  test(`${status} ${body.error} halts the page: ${reason}`, async () => {
    const { session } = sessionWith([
      [200, block],
      [status, body],
    ]);
    await session.load();
    await assert.rejects(
      session.commit(answer),
      (error) => error instanceof Halt && error.reason === reason,
    );
  });
}

test("a success that is no JSON is somebody else's page", async () => {
  const api = new Api(boot, (async () => new Response("<html>log in</html>")) as typeof fetch);
  await assert.rejects(api.session(), Unreachable);
});

test("identifiers are version-4 UUIDs", () => {
  const uuids = Array.from({ length: 50 }, randomUuid);
  assert.equal(new Set(uuids).size, 50);
  for (const uuid of uuids) {
    assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});
