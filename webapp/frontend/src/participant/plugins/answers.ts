// What the answer buttons of a forced choice with confidence are called, and their keys.

// These six letters lie at the same places on QWERTY, QWERTZ and AZERTY keyboards.
const LETTERS = [
  ["S", "D", "F"],
  ["J", "K", "L"],
] as const;

/** The keys of one query's buttons, from the lowest confidence up. */
export function keysOf(option: 0 | 1, steps: number): string[] {
  const n = Math.max(steps, 1);
  if (n > 3) return Array.from({ length: n }, (_, i) => String(option * n + i + 1));
  return option === 0 ? LETTERS[0].slice(3 - n) : LETTERS[1].slice(0, n);
}

/** What a step of confidence is called. */
export function wordOf(step: number, steps: number): string {
  if (steps <= 1) return "This one";
  if (step === 1) return "a guess";
  if (step === steps) return "certain";
  return steps === 3 ? "fairly sure" : "";
}

/** Whether the event is the key, on Latin keyboards by letter and on others by place. */
export function isKey(event: KeyboardEvent, key: string): boolean {
  if (event.key.toUpperCase() === key) return true;
  const latin = /^[a-z0-9]$/i.test(event.key);
  const code = /[0-9]/.test(key) ? [`Digit${key}`, `Numpad${key}`] : [`Key${key}`];
  return !latin && code.includes(event.code);
}
