// The HTTP contract with the study server, and what a status code means for an answer.

export interface Boot {
  api: string;
  study: string;
  csrf: string;
  session: string;
  page_token: string;
  n_trials: number;
  home?: string;
  /** What follows when this page is opened again; known before the server is asked for more. */
  resume?: Settings["resume"];
}

/** How a visit runs; the names are those of the study file's `session` table. */
export interface Settings {
  feedback: boolean;
  feedback_ms: number;
  start_delay_ms: number;
  confidence_steps: number;
  running_score: boolean;
  full_screen: boolean;
  min_viewport_px: readonly [number, number];
  allow_phones: boolean;
  break_s: number;
  calibrate: boolean;
  viewing_cm: number;
  /** What follows when this page is opened again. */
  resume: "resume" | "checkpoint" | "refuse";
}

export const DEFAULT_SETTINGS: Settings = {
  feedback: false,
  feedback_ms: 1150,
  start_delay_ms: 0,
  confidence_steps: 3,
  running_score: false,
  full_screen: false,
  min_viewport_px: [0, 0],
  allow_phones: true,
  break_s: 0,
  calibrate: false,
  viewing_cm: 57,
  resume: "resume",
};

/** What the browser may know of a trial before it is answered. */
export interface PublicTrial {
  index: number;
  kind: string;
  phase: string;
  block?: number;
  attempt?: number;
  [field: string]: unknown;
}

export interface SessionReply {
  state: string;
  next: number | null;
  total: number;
  page_token?: string;
  trials: PublicTrial[];
  bundles?: string[];
  settings?: Partial<Settings>;
  answered?: number;
  n_blocks?: number;
  /** Where the study shows it. */
  score?: Score;
}

export interface Score {
  correct: number;
  answered: number;
}

export interface SavedReply {
  saved: true;
  index: number;
  next: number | null;
  correct?: boolean;
  /** What feedback adds to it. */
  message?: string;
  score?: Score;
}

export interface Reply {
  status: number;
  body: Record<string, unknown>;
}

/** Nothing that counts as an answer came back: no network, time-out, or not our server's JSON. */
export class Unreachable extends Error {}

export type Verdict = "accepted" | "conflict" | "try again" | "refused";

/** What to do after a status code. Only 2xx is success; what may pass by itself is tried again. */
export function verdict(status: number): Verdict {
  if (status >= 200 && status < 300) return "accepted";
  if (status === 409) return "conflict";
  if (status === 408 || status === 425 || status === 429 || status >= 500) return "try again";
  return "refused";
}

export const TIMEOUT_MS = 15_000;

export class Api {
  private token: string;

  constructor(
    readonly boot: Boot,
    private readonly fetcher: typeof fetch = (...given) => fetch(...given),
    private readonly timeoutMs: number = TIMEOUT_MS,
  ) {
    this.token = boot.page_token;
  }

  /** Identifies this page among all pages of the session; the server refuses all but the newest. */
  get pageToken(): string {
    return this.token;
  }

  session(): Promise<Reply> {
    return this.request("GET", `?page_token=${encodeURIComponent(this.token)}`);
  }

  answer(index: number, body: object): Promise<Reply> {
    return this.request("POST", `/trials/${index}`, { ...body, page_token: this.token });
  }

  events(events: readonly object[]): Promise<Reply> {
    return this.request("POST", "/events", { events });
  }

  finish(nTrials: number): Promise<Reply> {
    return this.request("POST", "/finish", { n_trials: nTrials, page_token: this.token });
  }

  /** Hands events to the browser, which sends them even if the page closes; false if it refuses. */
  beacon(events: readonly object[]): boolean {
    const body = JSON.stringify({ events, csrf_token: this.boot.csrf });
    return navigator.sendBeacon(this.url("/events"), new Blob([body], { type: "application/json" }));
  }

  adopt(token: string | undefined): void {
    if (token) this.token = token;
  }

  private url(path: string): string {
    return `${this.boot.api}/session/${encodeURIComponent(this.boot.session)}${path}`;
  }

  private async request(method: string, path: string, body?: object): Promise<Reply> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.timeoutMs);
    try {
      const response = await this.fetcher(this.url(path), {
        method,
        headers: {
          Accept: "application/json",
          "X-CSRFToken": this.boot.csrf,
          ...(body ? { "Content-Type": "application/json" } : {}),
        },
        ...(body ? { body: JSON.stringify(body), keepalive: true } : {}),
        cache: "no-store",
        credentials: "same-origin",
        redirect: "manual",
        signal: abort.signal,
      });
      // An error page of a proxy is no JSON, but its status is telling; a "success" that is no
      // JSON comes from somebody else (a hotel's log-in page) and saved nothing.
      const content: unknown = await response.json().catch(() => null);
      const isObject = typeof content === "object" && content !== null && !Array.isArray(content);
      if (response.ok && !isObject) throw new Unreachable("the reply is not the study server's");
      return { status: response.status, body: isObject ? (content as Reply["body"]) : {} };
    } catch (error) {
      if (error instanceof Unreachable) throw error;
      throw new Unreachable(String(error));
    } finally {
      clearTimeout(timer);
    }
  }
}
