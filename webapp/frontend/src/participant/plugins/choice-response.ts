// How a person answers: each kind of answer is a small control; confidence may follow any of them.

import { element } from "../dom";
import { isKey, wordOf } from "./answers";
import { PickOne, PickSure, Rating } from "./choice-buttons";
import { Exhibit, Typed } from "./choice-text";
import { type Confidence, type Option, stepKeys, type Wanted } from "./choice-words";
import { type Decision } from "./trial";

export interface Response {
  readonly root: HTMLElement;
  /** The pictures are there: answers are taken from now on. */
  open(): void;
  decision(): Promise<Decision>;
}

/** A control that reports each answer; what is reported last counts. */
export interface Control {
  readonly root: HTMLElement;
  open(): void;
  close(): void;
  onAnswer: (decision: Decision) => void;
}

/** Draws pictures in a grid. */
export type DrawGrid = (urls: readonly string[]) => HTMLElement;

export function responseFor(
  shown: { options: readonly Option[]; wanted: Wanted; confidence: Confidence },
  grid: DrawGrid,
): Response {
  const { confidence, options, wanted } = shown;
  if (confidence?.kind === "steps" && confidence.with_answer && options.length === 2 && wanted.kind === "choice") {
    return new Answering(new PickSure(options, confidence.steps, grid), null);
  }
  const control = controlFor(wanted, options, grid);
  return new Answering(control, shown.confidence);
}

function controlFor(wanted: Wanted, options: readonly Option[], grid: DrawGrid): Control {
  switch (wanted.kind) {
    case "choice":
      return new PickOne(options, grid);
    case "rating":
      return new Rating(wanted);
    case "continue":
      return new Exhibit(wanted);
    default:
      return new Typed(wanted);
  }
}

/** A control, and after it how sure the person is. */
class Answering implements Response {
  readonly root: HTMLElement;
  private readonly sure: Sureness | null;

  constructor(
    private readonly control: Control,
    confidence: Confidence,
  ) {
    this.sure = confidence === null ? null : new Sureness(confidence);
    this.root = element("div", { class: "response" }, control.root, this.sure?.root ?? null);
  }

  open(): void {
    this.control.open();
  }

  decision(): Promise<Decision> {
    return new Promise((resolve) => {
      let latest: Decision | null = null;
      const finish = (decision: Decision): void => {
        this.control.close();
        this.sure?.close();
        resolve(decision);
      };
      this.control.onAnswer = (decision) => {
        latest = decision;
        if (this.sure === null) finish(decision);
        else this.sure.open();
      };
      if (this.sure === null) return;
      this.sure.onAnswer = (confidence) => {
        if (latest === null) return;
        // The response time is that of the answer itself, not of how sure one is of it.
        finish({ at: latest.at, response: { ...latest.response, confidence } });
      };
    });
  }
}

/** Confidence in steps or in percent. It has its place from the start, closed until it is asked. */
class Sureness {
  readonly root: HTMLFieldSetElement;
  onAnswer: (confidence: number) => void = () => undefined;
  private readonly slider: HTMLInputElement | null;

  constructor(confidence: NonNullable<Confidence>) {
    const legend = element("legend", {}, "How sure are you?");
    if (confidence.kind === "steps") {
      this.slider = null;
      this.root = element("fieldset", { class: "sureness", disabled: true }, legend, this.steps(confidence.steps));
      return;
    }
    this.slider = element("input", { type: "range", min: 0, max: 100, step: 1, value: 50, "aria-label": "How sure are you, from 0, a guess, to 100, certain" });
    this.root = element("fieldset", { class: "sureness", disabled: true }, legend, this.percent(this.slider));
  }

  open(): void {
    if (!this.root.disabled) return;
    this.root.disabled = false;
    document.addEventListener("keydown", this.onKey);
    this.slider?.focus();
  }

  close(): void {
    this.root.disabled = true;
    document.removeEventListener("keydown", this.onKey);
  }

  private steps(n: number): HTMLElement {
    const keys = stepKeys(n);
    const buttons = Array.from({ length: n }, (_, i) => {
      const button = element(
        "button",
        { type: "button", class: "step", "data-step": i + 1, "data-key": keys[i] ?? null, "aria-keyshortcuts": keys[i] ?? null },
        element("b", {}, String(i + 1)),
        element("span", { class: "word" }, wordOf(i + 1, n)),
        keys[i] === undefined ? null : element("kbd", {}, keys[i] as string),
      );
      button.addEventListener("click", () => this.onAnswer(i + 1));
      return button;
    });
    return element("div", { class: "steps" }, ...buttons);
  }

  private percent(slider: HTMLInputElement): HTMLElement {
    const value = element("output", {}, "–");
    const done = element("button", { type: "button", class: "primary", disabled: true }, "Done");
    // Nobody is taken at a value that they have not set.
    const set = (): void => {
      value.textContent = slider.value;
      done.disabled = false;
    };
    slider.addEventListener("input", set);
    slider.addEventListener("pointerup", set);
    slider.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !done.disabled) this.onAnswer(Number(slider.value));
    });
    done.addEventListener("click", () => this.onAnswer(Number(slider.value)));
    return element(
      "div",
      { class: "percent" },
      element("span", {}, "a guess"),
      slider,
      element("span", {}, "certain"),
      value,
      done,
    );
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target instanceof HTMLInputElement && event.target.type !== "range") return;
    for (const button of this.root.querySelectorAll<HTMLButtonElement>("[data-key]")) {
      if (!isKey(event, button.dataset["key"] as string)) continue;
      event.preventDefault();
      this.onAnswer(Number(button.dataset["step"]));
      return;
    }
  };
}
