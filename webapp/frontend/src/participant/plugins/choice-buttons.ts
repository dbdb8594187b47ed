// Answers that are one press: an option, or a point of a scale. Each has a place, a key, a name.

import { element } from "../dom";
import { isKey, keysOf, wordOf } from "./answers";
import { type Control, type DrawGrid } from "./choice-response";
import { columns, type Option, optionKeys, optionName, type Wanted } from "./choice-words";
import { type Decision } from "./trial";

/** A row of buttons with keys. */
abstract class Buttons implements Control {
  abstract readonly root: HTMLElement;
  onAnswer: (decision: Decision) => void = () => undefined;
  protected readonly buttons: HTMLButtonElement[] = [];
  private pressed: { button: EventTarget | null; at: number } = { button: null, at: 0 };

  /** What is sent for the button at a position. */
  protected abstract sent(position: number): Record<string, unknown>;

  open(): void {
    for (const button of this.buttons) button.disabled = false;
    document.addEventListener("keydown", this.onKey);
  }

  close(): void {
    document.removeEventListener("keydown", this.onKey);
    for (const button of this.buttons) button.disabled = true;
  }

  protected make(kind: string, key: string | undefined, ...content: readonly (Node | null)[]): HTMLButtonElement {
    const position = this.buttons.length;
    const button = element(
      "button",
      {
        type: "button",
        class: kind,
        disabled: true,
        "data-option": position,
        "data-key": key ?? null,
        "aria-keyshortcuts": key ?? null,
        "aria-pressed": "false",
      },
      ...content,
      key === undefined ? null : element("kbd", {}, key),
    );
    button.addEventListener("pointerdown", (event) => {
      this.pressed = { button, at: event.timeStamp };
    });
    button.addEventListener("click", (event) => {
      // A click is dispatched on release; the decision was made on the press.
      const byPointer = event.detail > 0 && this.pressed.button === button;
      this.choose(button, byPointer ? this.pressed.at : event.timeStamp);
    });
    this.buttons.push(button);
    return button;
  }

  private choose(button: HTMLButtonElement, at: number): void {
    for (const other of this.buttons) {
      other.classList.toggle("chosen", other === button);
      other.setAttribute("aria-pressed", String(other === button));
      other.closest(".option")?.classList.toggle("chosen", false);
    }
    button.closest(".option")?.classList.toggle("chosen", true);
    this.onAnswer({ response: this.sent(Number(button.dataset["option"])), at });
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    if (this.root.closest("[inert]")) return;
    const button = this.buttons.find((each) => {
      const key = each.dataset["key"];
      return key !== undefined && isKey(event, key);
    });
    if (!button) return;
    event.preventDefault();
    this.choose(button, event.timeStamp);
  };
}

/** One of the options. */
export class PickOne extends Buttons {
  readonly root: HTMLElement;

  constructor(options: readonly Option[], grid: DrawGrid) {
    super();
    const keys = optionKeys(options.length);
    const groups = options.some((option) => option.pictures.length > 1);
    const words = options.every((option) => option.pictures.length === 0);
    const buttons = options.map((option, i) =>
      this.make(
        "pick",
        keys[i],
        option.pictures.length > 0 ? grid(option.pictures) : null,
        element("span", { class: option.label === "" ? "only-heard" : "label" }, optionName(option, i)),
      ),
    );
    const kind = words ? "words" : groups ? "groups" : "single";
    this.root = element(
      "div",
      { class: `options ${kind}`, role: "group", "aria-labelledby": "question" },
      ...buttons,
    );
    this.root.style.setProperty("--columns", String(columns(options)));
    this.root.style.setProperty("--rows", String(Math.ceil(options.length / columns(options))));
  }

  protected sent(position: number): Record<string, unknown> {
    return { choice: position };
  }
}

/** One of two options, with how sure one is of it: a button for each step under each of the two. */
export class PickSure extends Buttons {
  readonly root: HTMLElement;

  constructor(
    options: readonly Option[],
    private readonly steps: number,
    grid: DrawGrid,
  ) {
    super();
    const groups = options.map((option, i) => {
      const name = option.label === "" ? `${i === 0 ? "Left" : "Right"} picture` : option.label;
      const buttons = keysOf(i as 0 | 1, steps).map((key, step) =>
        this.make(
          "answer",
          key,
          element("span", { class: "only-heard" }, `${name}: `),
          element("b", {}, String(step + 1)),
          element("span", { class: "word" }, wordOf(step + 1, steps)),
        ),
      );
      return element(
        "div",
        { class: "option", role: "group", "aria-label": name },
        option.pictures.length > 0 ? grid(option.pictures) : null,
        option.label === "" ? null : element("span", { class: "label" }, option.label),
        ...buttons,
      );
    });
    this.root = element(
      "div",
      { class: "options single sure", role: "group", "aria-labelledby": "question" },
      ...groups,
    );
    this.root.style.setProperty("--columns", "2");
    this.root.style.setProperty("--rows", "1");
  }

  protected sent(position: number): Record<string, unknown> {
    const choice = Math.floor(position / this.steps);
    return { choice, confidence: 1 + (position % this.steps) };
  }
}

/** A point of a scale. */
export class Rating extends Buttons {
  readonly root: HTMLElement;

  constructor(wanted: Extract<Wanted, { kind: "rating" }>) {
    super();
    const keys = optionKeys(wanted.points);
    const points = Array.from({ length: wanted.points }, (_, i) => {
      const end = i === 0 ? wanted.low : i === wanted.points - 1 ? wanted.high : "";
      const name = end === "" ? `${i + 1}, key ` : `${i + 1}, ${end}, key `;
      const heard = element("span", { class: "only-heard" }, name);
      // The key is the number of the point, so it is shown once.
      return this.make("point", keys[i], heard);
    });
    this.root = element(
      "div",
      { class: "rating", role: "group", "aria-labelledby": "question" },
      element("span", { class: "end", "aria-hidden": "true" }, wanted.low),
      element("div", { class: "points" }, ...points),
      element("span", { class: "end", "aria-hidden": "true" }, wanted.high),
    );
  }

  protected sent(position: number): Record<string, unknown> {
    return { rating: position + 1 };
  }
}
