// When pictures appear, and how well the display kept pace.
//
// A change made in an animation-frame callback is painted in that frame and shown at the next
// refresh. The time stamp of the next callback is that refresh, so it is taken as the onset;
// setting the clock before the paint, as is common, makes every response time a frame too long.
// Where the page stands still just then, that stamp can be frames before the paint, or after it;
// browsers that say when they painted a picture (Element Timing) are believed over it.

export interface Onset {
  /** Time on the page's clock (`performance.now()`, same as `event.timeStamp`), milliseconds. */
  at: number;
  /** Onset minus the onset that was intended, milliseconds. */
  error_ms: number;
  /** The same moment on the wall clock, ISO-8601 UTC. */
  wall: string;
  /** Stamps of the frame that revealed and of the one after it. */
  stamps: readonly [number, number];
}

export interface Clock {
  frame: (callback: (timeStamp: number) => void) => void;
  now: () => number;
  origin: number;
}

export const pageClock: Clock = {
  frame: (callback) => {
    requestAnimationFrame(callback);
  },
  now: () => performance.now(),
  origin: performance.timeOrigin,
};

export function wallClock(at: number, clock: Clock = pageClock): string {
  return new Date(clock.origin + at).toISOString();
}

const nextFrame = (clock: Clock): Promise<number> =>
  new Promise((resolve) => clock.frame(resolve));

/** Median time between refreshes over `n` frames, milliseconds. */
export async function measureFrameInterval(n = 30, clock: Clock = pageClock): Promise<number> {
  const stamps: number[] = [];
  for (let i = 0; i <= n; i += 1) stamps.push(await nextFrame(clock));
  return median(stamps.slice(1).map((stamp, i) => stamp - (stamps[i] as number)));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/**
 * Run `reveal` in the frame that is shown closest to `intended`, and measure when that was.
 * A moment already past means the next frame.
 */
export async function appear(
  reveal: () => void,
  intended: number,
  interval: number,
  clock: Clock = pageClock,
): Promise<Onset> {
  for (;;) {
    const stamp = await nextFrame(clock);
    if (stamp + interval >= intended - interval / 2) {
      reveal();
      const at = await nextFrame(clock);
      return { at, error_ms: at - intended, wall: wallClock(at, clock), stamps: [stamp, at] };
    }
  }
}

/** To this browsers round the time of a paint, so that pages cannot measure one another. */
const PAINT_MS = 4;

/** What we read of a `PerformanceElementTiming`. */
interface Painted extends PerformanceEntry {
  readonly identifier: string;
  readonly renderTime: number;
}

/** The onset that counts: the browser's word, where it is another frame's than ours. */
export function corrected(
  onset: Onset,
  painted: number | null,
  interval: number,
  clock: Clock = pageClock,
): Onset {
  if (painted === null || Math.abs(painted - onset.at) <= interval / 2 + PAINT_MS) return onset;
  const error_ms = onset.error_ms + painted - onset.at;
  return { ...onset, at: painted, error_ms, wall: wallClock(painted, clock) };
}

/** Asks the browser when the pictures of a trial were painted. Made before they are revealed. */
export class PaintWatch {
  private static made = 0;
  private readonly name = `trial ${(PaintWatch.made += 1)}`;
  private readonly observer: PerformanceObserver | null = null;
  private last: number | null = null;

  constructor(pictures: readonly Element[]) {
    if (!globalThis.PerformanceObserver?.supportedEntryTypes?.includes("element")) return;
    for (const picture of pictures) picture.setAttribute("elementtiming", this.name);
    this.observer = new PerformanceObserver((list) => this.note(list.getEntries()));
    this.observer.observe({ type: "element" });
  }

  /** When the last of them was painted; null where the browser does not say. */
  stop(): number | null {
    if (this.observer) this.note(this.observer.takeRecords());
    this.observer?.disconnect();
    return this.last;
  }

  private note(entries: readonly PerformanceEntry[]): void {
    for (const { identifier, renderTime } of entries as readonly Painted[]) {
      if (identifier === this.name && renderTime > 0) this.last = Math.max(this.last ?? 0, renderTime);
    }
  }
}

/** Frames that a display with this interval should have shown between the stamps, but did not. */
export function droppedFrames(stamps: readonly number[], interval: number): number {
  let dropped = 0;
  for (let i = 1; i < stamps.length; i += 1) {
    const gap = (stamps[i] as number) - (stamps[i - 1] as number);
    dropped += Math.max(0, Math.round(gap / interval) - 1);
  }
  return dropped;
}

/** Counts dropped frames between `start` and `stop`; time in a hidden tab does not count. */
export class FrameWatch {
  private last: number | null = null;
  private dropped = 0;
  private running = false;

  constructor(
    private readonly interval: number,
    private readonly hidden: () => boolean = () => document.visibilityState === "hidden",
    private readonly clock: Clock = pageClock,
  ) {}

  /** Count from now, or from the first of the stamps of frames that have been. */
  start(stamps: readonly number[] = []): void {
    this.running = true;
    this.last = stamps.at(-1) ?? null;
    this.dropped = droppedFrames(stamps, this.interval);
    this.clock.frame(this.onFrame);
    if (typeof document !== "undefined") document.addEventListener("visibilitychange", this.pause);
  }

  stop(): number {
    this.running = false;
    if (typeof document !== "undefined") {
      document.removeEventListener("visibilitychange", this.pause);
    }
    return this.dropped;
  }

  private readonly pause = (): void => {
    this.last = null;
  };

  private readonly onFrame = (stamp: number): void => {
    if (!this.running) return;
    if (this.hidden()) this.last = null;
    else {
      if (this.last !== null) this.dropped += droppedFrames([this.last, stamp], this.interval);
      this.last = stamp;
    }
    this.clock.frame(this.onFrame);
  };
}
