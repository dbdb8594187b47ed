import assert from "node:assert/strict";
import { test } from "node:test";
import "fake-indexeddb/auto";
import { type Reply, Unreachable } from "./api";
import { delayMs, FIRST_MS, LONGEST_MS } from "./backoff";
import { AnswerQueue, type QueueState } from "./queue";
import { IndexedStore, MemoryStore, type Pending, type Store } from "./store";

const answer = (index: number, session = "s"): Pending => ({
  uuid: `uuid-${session}-${index}`,
  session,
  index,
  body: { trial_uuid: `uuid-${session}-${index}` },
});
const saved = (index: number): Reply => ({
  status: 200,
  body: { saved: true, index, next: index + 1 },
});

/** A queue whose server gives the listed replies, one a request. */
function queueWith(replies: (Reply | Error)[], store: Store = new MemoryStore()) {
  const sent: Pending[] = [];
  const states: QueueState["kind"][] = [];
  const problems: string[] = [];
  const queue = new AnswerQueue(
    store,
    async (pending) => {
      assert.equal((await store.all(pending.session)).length > 0, true, "written down before sent");
      sent.push(pending);
      const reply = replies.shift();
      assert.ok(reply, "more requests than expected");
      if (reply instanceof Error) throw reply;
      return reply;
    },
    async () => undefined,
    { onState: (state) => states.push(state.kind), onProblem: (kind) => problems.push(kind) },
  );
  return { queue, store, sent, states, problems };
}

test("an acknowledged answer leaves the store", async () => {
  const { queue, store, sent } = queueWith([saved(3)]);
  const outcome = await queue.add(answer(3));
  assert.deepEqual(outcome, { kind: "saved", reply: saved(3).body });
  assert.equal(sent.length, 1);
  assert.deepEqual(await store.all("s"), []);
  assert.equal(queue.busy, false);
});

test("every failure is followed by the very same post, until it is acknowledged", async () => {
  const failures = [
    new Unreachable("offline"),
    { status: 500, body: {} },
    { status: 503, body: {} },
    { status: 429, body: {} },
    { status: 200, body: { saved: false } },
    { status: 200, body: { saved: true, index: 99 } },
    { status: 200, body: {} },
  ];
  const { queue, sent, states, problems } = queueWith([...failures, saved(1)]);
  const outcome = await queue.add(answer(1));
  assert.equal(outcome.kind, "saved");
  assert.equal(sent.length, failures.length + 1);
  assert.equal(new Set(sent.map((pending) => pending.uuid)).size, 1);
  assert.equal(states.filter((kind) => kind === "waiting").length, failures.length);
  assert.equal(states.at(-1), "idle");
  assert.deepEqual(problems, ["save_failed"]);
});

test("a conflict with our own identifier is success, with another's the first answer stays", async () => {
  const own = queueWith([{ status: 409, body: { error: "answered", saved_uuid: "uuid-s-1" } }]);
  assert.deepEqual(await own.queue.add(answer(1)), { kind: "saved", reply: null });
  const other = queueWith([{ status: 409, body: { error: "answered", saved_uuid: "another" } }]);
  assert.deepEqual(await other.queue.add(answer(1)), { kind: "answered before" });
  assert.deepEqual(await other.store.all("s"), []);
});

test("a stale page keeps its answer for the page that is reloaded", async () => {
  const { queue, store } = queueWith([{ status: 409, body: { error: "stale_page" } }]);
  assert.deepEqual(await queue.add(answer(1)), { kind: "stale" });
  assert.equal((await store.all("s")).length, 1);
});

test("a refused answer is kept once, and given up from a fresh page", async () => {
  const { queue, store } = queueWith([
    { status: 422, body: {} },
    { status: 422, body: {} },
  ]);
  assert.deepEqual(await queue.add(answer(1)), { kind: "refused", status: 422 });
  assert.equal((await store.all("s")).length, 1);
  assert.deepEqual(await queue.flush("s"), [{ kind: "refused", status: 422 }]);
  assert.deepEqual(await store.all("s"), []);
});

test("a visit that has ended is no reason to try again", async () => {
  const { queue } = queueWith([{ status: 403, body: { redirect: "/study/x/" } }]);
  assert.deepEqual(await queue.add(answer(1)), { kind: "ended" });
});

test("a fresh page sends what an earlier one left, in order and of its session alone", async () => {
  const store = await IndexedStore.open();
  for (const left of [answer(5), answer(4), answer(0, "another")]) await store.put(left);
  const again = await IndexedStore.open();
  const { queue, sent } = queueWith([saved(4), saved(5)], again);
  const outcomes = await queue.flush("s");
  assert.deepEqual(outcomes.map((outcome) => outcome.kind), ["saved", "saved"]);
  assert.deepEqual(sent.map((pending) => pending.index), [4, 5]);
  assert.deepEqual(await again.all("s"), []);
  assert.equal((await again.all("another")).length, 1);
});

test("a full disk does not stop an answer from being sent", async () => {
  const store = new MemoryStore();
  const full: Store = {
    durable: true,
    put: async () => {
      throw new Error("QuotaExceededError");
    },
    remove: (uuid) => store.remove(uuid),
    all: async () => [answer(1)],
  };
  const { queue, problems } = queueWith([saved(1)], full);
  assert.equal((await queue.add(answer(1))).kind, "saved");
  assert.deepEqual(problems, ["store_failed"]);
});

test("waiting doubles up to a limit and is spread", () => {
  assert.equal(delayMs(0, 0), FIRST_MS / 2);
  assert.equal(delayMs(3, 1), FIRST_MS * 8);
  assert.equal(delayMs(1000, 1), LONGEST_MS);
  for (let attempt = 0; attempt < 12; attempt += 1) {
    assert.ok(delayMs(attempt, 0.3) < delayMs(attempt, 0.9));
  }
});

test("what waits to be sent again is handed to the browser when the page goes away", async () => {
  const sent: string[] = [];
  const replies: Reply[] = [{ status: 503, body: {} }, saved(1), saved(1)];
  let go = (): void => undefined;
  const rests = new Promise<void>((resolve) => (go = resolve));
  const queue = new AnswerQueue(
    new MemoryStore(),
    async (pending) => {
      sent.push(pending.uuid);
      return replies.shift() as Reply;
    },
    () => rests,
    { onState: () => undefined, onProblem: () => undefined },
  );
  queue.leave();
  const outcome = queue.add(answer(1));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(sent.length, 1);
  queue.leave();
  assert.equal(sent.length, 2);
  go();
  assert.equal((await outcome).kind, "saved");
  assert.equal(new Set(sent).size, 1, "the very same post");
  queue.leave();
  assert.equal(sent.length, 3, "nothing rests any more");
});
