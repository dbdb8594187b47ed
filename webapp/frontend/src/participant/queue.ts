// The durable queue: an answer is written down first, then sent until the server acknowledges it.

import { type Reply, type SavedReply, Unreachable, verdict } from "./api";
import { type Backoff } from "./backoff";
import { type Pending, type Store } from "./store";

/** How the delivery of one answer ended. It is out of the store except where noted. */
export type Outcome =
  /** The server has this answer. `reply` is missing if it only said that it had it before. */
  | { kind: "saved"; reply: SavedReply | null }
  /** The server has an earlier answer to the same trial; this one does not count. */
  | { kind: "answered before" }
  /** A newer page of the same session exists. The answer stays in the store. */
  | { kind: "stale" }
  /** The visit has ended on the server; there is nothing left to answer. */
  | { kind: "ended" }
  /** The server will not take it however often it is sent. The answer stays in the store. */
  | { kind: "refused"; status: number };

export type QueueState =
  | { kind: "idle" }
  | { kind: "saving" }
  | { kind: "waiting"; attempt: number; reason: string };

export interface QueueHooks {
  onState: (state: QueueState) => void;
  onProblem: (kind: string, detail: object) => void;
}

export class AnswerQueue {
  private onTheWay = 0;
  /** Answers that rest until they are sent again. */
  private readonly resting = new Set<Pending>();

  constructor(
    private readonly store: Store,
    private readonly send: (pending: Pending) => Promise<Reply>,
    private readonly backoff: Backoff,
    private readonly hooks: QueueHooks,
  ) {}

  /** Whether an answer is still without the server's acknowledgement. */
  get busy(): boolean {
    return this.onTheWay > 0;
  }

  /** Write an answer down, and send it until it is settled. */
  async add(pending: Pending): Promise<Outcome> {
    this.onTheWay += 1;
    try {
      this.hooks.onState({ kind: "saving" });
      try {
        await this.store.put(pending);
      } catch (error) {
        // A full disk: the answer is still sent, it only would not survive a closed page.
        this.hooks.onProblem("store_failed", { error: String(error) });
      }
      return await this.deliver(pending);
    } finally {
      this.onTheWay -= 1;
    }
  }

  /** Send what an earlier page of this session left behind, in order. */
  async flush(session: string): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    const left = await this.store.all(session).catch(() => [] as Pending[]);
    this.onTheWay += left.length;
    try {
      for (const pending of left) {
        this.hooks.onProblem("resent", { index: pending.index });
        const outcome = await this.deliver(pending);
        outcomes.push(outcome);
        if (outcome.kind === "stale") break;
        // Sent from a fresh page and still refused: the trial will be shown again.
        if (outcome.kind === "refused") await this.forget(pending);
      }
    } finally {
      this.onTheWay -= left.length;
    }
    return outcomes;
  }

  /** The page goes away: send at once what rests. The browser sees it through, and twice is once. */
  leave(): void {
    for (const pending of this.resting) void this.send(pending).catch(() => undefined);
  }

  private async deliver(pending: Pending): Promise<Outcome> {
    for (let attempt = 0; ; attempt += 1) {
      this.hooks.onState({ kind: "saving" });
      let reason: string;
      try {
        const reply = await this.send(pending);
        const outcome = settle(reply, pending);
        if (outcome) {
          if (outcome.kind !== "stale" && outcome.kind !== "refused") await this.forget(pending);
          this.hooks.onState({ kind: "idle" });
          return outcome;
        }
        reason = `status ${reply.status}`;
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        reason = error.message;
      }
      if (attempt === 0) this.hooks.onProblem("save_failed", { index: pending.index, reason });
      this.hooks.onState({ kind: "waiting", attempt: attempt + 1, reason });
      this.resting.add(pending);
      await this.backoff(attempt);
      this.resting.delete(pending);
    }
  }

  private async forget(pending: Pending): Promise<void> {
    // An answer that cannot be removed is sent again by the next page, which changes nothing.
    await this.store.remove(pending.uuid).catch(() => undefined);
  }
}

/** What a reply means for an answer; null if it has to be sent again. */
export function settle(reply: Reply, pending: Pending): Outcome | null {
  switch (verdict(reply.status)) {
    case "accepted": {
      const { saved, index } = reply.body;
      if (saved !== true || index !== pending.index) return null;
      return { kind: "saved", reply: reply.body as unknown as SavedReply };
    }
    case "conflict":
      if (reply.body["saved_uuid"] === pending.uuid) return { kind: "saved", reply: null };
      if (reply.body["error"] === "stale_page") return { kind: "stale" };
      return { kind: "answered before" };
    case "try again":
      return null;
    case "refused":
      // The server names another page to go to exactly when the visit is over.
      if (typeof reply.body["redirect"] === "string") return { kind: "ended" };
      return { kind: "refused", status: reply.status };
  }
}
