// What happens around the trials: kept for a moment, sent in batches, handed over on leaving.

export interface LoggedEvent {
  at_ms: number;
  kind: string;
  detail: object;
}

export interface EventSink {
  /** Resolves to true if they need not be sent again. */
  send: (events: readonly LoggedEvent[]) => Promise<boolean>;
  beacon: (events: readonly LoggedEvent[]) => boolean;
}

const BATCH = 50;

export class EventLog {
  private waiting: LoggedEvent[] = [];
  private sending = false;

  constructor(
    private readonly sink: EventSink,
    private readonly sinceOpened: () => number,
  ) {}

  readonly add = (kind: string, detail: object = {}): void => {
    this.waiting.push({ at_ms: Math.round(this.sinceOpened()), kind, detail });
  };

  /** Send what waits; what the server does not acknowledge waits on. */
  async send(): Promise<void> {
    if (this.sending || this.waiting.length === 0) return;
    this.sending = true;
    const batch = this.waiting.splice(0, BATCH);
    const saved = await this.sink.send(batch).catch(() => false);
    if (!saved) this.waiting.unshift(...batch);
    this.sending = false;
  }

  /** The page goes away: hand the rest to the browser. */
  leave(): void {
    while (this.waiting.length > 0) {
      const batch = this.waiting.slice(0, BATCH);
      if (!this.sink.beacon(batch)) return;
      this.waiting.splice(0, batch.length);
    }
  }
}
