// How long to wait before the next try.

export const FIRST_MS = 500;
export const LONGEST_MS = 30_000;

/** Resolves when try number `attempt` (from 0) may be followed by another. */
export type Backoff = (attempt: number) => Promise<void>;

/** Doubling from half a second to half a minute; `random` in [0, 1) spreads clients apart. */
export function delayMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 20));
  return Math.round(ceiling * (0.5 + random / 2));
}

/** Waits as long as `delayMs` says, or until the browser is online again. */
export const untilNextTry: Backoff = (attempt) =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs(attempt, Math.random()));
    addEventListener("online", done);
  });
