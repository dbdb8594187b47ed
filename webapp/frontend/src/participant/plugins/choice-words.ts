// Keys and words of trials of kind "choice"; nothing here touches a page.

/** An answer to choose: pictures, a label, or both. */
export interface Option {
  label: string;
  pictures: readonly string[];
}

/** Pictures beside the question; a folded panel is opened when the person wants it. */
export interface Panel extends Option {
  folded: boolean;
}

export interface Query {
  picture: string;
  caption: string;
}

/** What is asked for. */
export type Wanted =
  | { kind: "choice" }
  | { kind: "rating"; points: number; low: string; high: string }
  | { kind: "text"; hint: string; optional?: boolean }
  | { kind: "vocabulary"; words: readonly string[]; own_words: boolean; hint: string }
  | { kind: "continue"; min_view_ms: number; button: string };

/** How sure one is; `with_answer` puts the steps under each of two options, for one press in all. */
export type Confidence =
  | { kind: "steps"; steps: number; with_answer?: boolean }
  | { kind: "percent" }
  | null;

export const MOST_CHARACTERS = 500;
export const MOST_SUGGESTIONS = 8;

// After the ten digits come letters that no step of confidence has.
const OPTION_KEYS = [..."1234567890", ..."ABCEIMNOPQ"];
// These lie side by side, at the same places on QWERTY, QWERTZ and AZERTY keyboards.
const STEP_KEYS = [..."DFGHJKL"];

/** The key of each option, from left to right. */
export function optionKeys(n: number): string[] {
  return OPTION_KEYS.slice(0, n);
}

/** The key of each step of confidence, from the lowest up; none where there are too many steps. */
export function stepKeys(steps: number): string[] {
  if (steps > STEP_KEYS.length) return [];
  return steps <= 3 ? [..."JKL"].slice(0, steps) : STEP_KEYS.slice(STEP_KEYS.length - steps);
}

/** What an option is called for those who hear the page. */
export function optionName(option: Option, position: number): string {
  const n = option.pictures.length;
  if (option.label !== "") return option.label;
  return n > 1 ? `Group ${position + 1}, ${n} pictures` : `Picture ${position + 1}`;
}

/** In how many columns options stand, so that rows are about equally full. */
export function columns(options: readonly Option[]): number {
  const n = options.length;
  if (options.some((option) => option.pictures.length > 1)) return Math.min(n, 2);
  const words = options.every((option) => option.pictures.length === 0);
  const most = words ? 5 : 6;
  return Math.ceil(n / Math.ceil(n / most));
}

/** Columns of a group of pictures: as square as it gets. */
export function gridColumns(n: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(n)));
}

/** A text as it is sent: no white space around it, single blanks within. */
export function tidy(text: string): string {
  return text.trim().split(/\s+/).join(" ").slice(0, MOST_CHARACTERS);
}

/** Words that fit what is typed: those that begin with it, then those with a part that does. */
export function suggestions(words: readonly string[], typed: string): string[] {
  const wanted = tidy(typed).toLocaleLowerCase();
  if (wanted === "") return words.slice(0, MOST_SUGGESTIONS);
  const begins = words.filter((word) => word.toLocaleLowerCase().startsWith(wanted));
  const within = words.filter(
    (word) => !begins.includes(word) && ` ${word.toLocaleLowerCase()}`.includes(` ${wanted}`),
  );
  return [...begins, ...within].slice(0, MOST_SUGGESTIONS);
}

/** What a typed text counts as; none if it may not be sent. */
export function accepted(wanted: Wanted, typed: string): string | null {
  const text = tidy(typed);
  if (text === "") return wanted.kind === "text" && wanted.optional ? "" : null;
  if (wanted.kind !== "vocabulary") return text;
  const known = wanted.words.find((w) => w.toLocaleLowerCase() === text.toLocaleLowerCase());
  return known ?? (wanted.own_words ? text : null);
}

/** What feedback says. */
export function verdictText(correct: boolean, message: string): string {
  const word = correct ? "Right" : "Not right";
  return !correct && message !== "" ? `${word}. ${message}` : word;
}
