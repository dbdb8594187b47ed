// Where the participant stands. The position moves only when the server has acknowledged.

import {
  type Api,
  DEFAULT_SETTINGS,
  type PublicTrial,
  type SavedReply,
  type Score,
  type SessionReply,
  type Settings,
  Unreachable,
  verdict,
} from "./api";
import { type Backoff } from "./backoff";
import { type Environment } from "./environment";
import { type AnswerQueue, type Outcome } from "./queue";

/** What a task's plugin hands over when a person has answered. */
export interface Answer {
  response: Record<string, unknown>;
  rt_ms: number;
  onset_error_ms: number;
  dropped_frames: number;
  presented_at: string;
  answered_at: string;
}

/** What the plugin learns back, once the answer is committed. */
export interface Committed {
  correct: boolean | null;
  message?: string;
}

/** The task cannot go on in this page; the person has to be told. */
export class Halt extends Error {
  constructor(readonly reason: "stale" | "refused" | "left") {
    super(reason);
  }
}

export class TaskSession {
  settings: Settings = DEFAULT_SETTINGS;
  total = 0;
  answered = 0;
  nBlocks: number | null = null;
  score: Score | null = null;
  /** The server says that nothing is left to answer. */
  done = false;
  /** Where the pictures of the loaded block are, many in one file. */
  bundles: readonly string[] = [];
  private trials: PublicTrial[] = [];
  private next: number | null = null;
  private environment: Environment | null = null;

  constructor(
    private readonly api: Api,
    private readonly queue: AnswerQueue,
    private readonly backoff: Backoff,
    private readonly log: (kind: string, detail?: object) => void,
  ) {}

  /** The trial to show now; none before a block is loaded and after its last trial. */
  get current(): PublicTrial | null {
    return this.trials.find((trial) => trial.index === this.next) ?? null;
  }

  /** The trials of the loaded block that are still to come, the current one included. */
  get upcoming(): readonly PublicTrial[] {
    const position = this.trials.findIndex((trial) => trial.index === this.next);
    return position < 0 ? [] : this.trials.slice(position);
  }

  /** Whether closing or reloading the page would end the visit before its end. */
  get endsOnLeaving(): boolean {
    return this.settings.resume === "refuse" && this.next !== null;
  }

  /** Send along with the next answer what kind of machine this is. */
  describeMachine(environment: Environment): void {
    this.environment = environment;
  }

  /** Send along what was found out about the machine since. */
  addToMachine(found: Partial<Environment>): void {
    if (this.environment) this.environment = { ...this.environment, ...found };
  }

  /** Send what an earlier page left, then ask the server for the current block. */
  async load(): Promise<void> {
    for (const outcome of await this.queue.flush(this.api.boot.session)) this.require(outcome);
    const reply = await this.insist(() => this.api.session());
    const state = reply as unknown as SessionReply;
    this.api.adopt(state.page_token);
    if (state.state !== "active") throw new Halt("left");
    this.settings = { ...DEFAULT_SETTINGS, ...state.settings };
    this.total = state.total;
    this.trials = state.trials;
    this.bundles = state.bundles ?? [];
    this.next = state.next;
    this.nBlocks = state.n_blocks ?? null;
    this.score = state.score ?? this.score;
    this.answered = state.answered ?? this.next ?? this.total;
    this.done = this.next === null || this.trials.length === 0;
  }

  /** Commit an answer to the current trial; resolves when the server has it. */
  async commit(answer: Answer): Promise<Committed> {
    const trial = this.current;
    if (!trial) throw new Error("there is no trial to answer");
    const uuid = randomUuid();
    const outcome = await this.queue.add({
      uuid,
      session: this.api.boot.session,
      index: trial.index,
      body: {
        trial_uuid: uuid,
        ...answer,
        ...(this.environment ? { environment: this.environment } : {}),
      },
    });
    this.require(outcome);
    this.environment = null;
    if (outcome.kind !== "saved" || outcome.reply === null) {
      // The server knows more than this page: ask it where we are.
      this.log("answered_before", { index: trial.index });
      this.trials = [];
      return { correct: null };
    }
    this.advance(outcome.reply);
    const { correct, message } = outcome.reply;
    return { correct: correct ?? null, ...(message ? { message } : {}) };
  }

  /** Have the server confirm that it has everything; the address to go to, or none if not. */
  async finish(): Promise<string | null> {
    const reply = await this.insist(() => this.api.finish(this.total), [409]);
    const redirect = reply["redirect"];
    return typeof redirect === "string" ? redirect : null;
  }

  private advance(reply: SavedReply): void {
    this.answered += 1;
    this.score = reply.score ?? this.score;
    this.next = reply.next;
  }

  private require(outcome: Outcome): void {
    if (outcome.kind === "stale") throw new Halt("stale");
    if (outcome.kind === "ended") throw new Halt("left");
    if (outcome.kind === "refused") {
      this.log("answer_refused", { status: outcome.status });
      throw new Halt("refused");
    }
  }

  /** Repeat a request until the server answers it. */
  private async insist(
    request: () => ReturnType<Api["session"]>,
    alsoFine: readonly number[] = [],
  ): Promise<Record<string, unknown>> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const reply = await request();
        const meaning = verdict(reply.status);
        if (reply.body["error"] === "stale_page") throw new Halt("stale");
        if (meaning === "accepted" || alsoFine.includes(reply.status)) return reply.body;
        if (typeof reply.body["redirect"] === "string") throw new Halt("left");
        if (meaning !== "try again") throw new Halt("refused");
        this.log("request_failed", { status: reply.status });
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        this.log("request_failed", { reason: error.message });
      }
      await this.backoff(attempt);
    }
  }
}

/** A version-4 UUID; `crypto.randomUUID` is missing on plain HTTP, as in many laboratories. */
export function randomUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    "-",
  );
}
