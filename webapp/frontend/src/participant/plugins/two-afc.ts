// jsPsych plugin: which of two pictures goes with the strong group?
//
// References stand left and right, the two queries between them, and under each query one button
// per step of confidence, so that one press answers both questions.

import { type JsPsych, type JsPsychPlugin, ParameterType, type TrialType } from "jspsych";
import { element } from "../dom";
import { isKey, keysOf, wordOf } from "./answers";
import { type Decision, run, type Timed, timing, type TrialView } from "./trial";

const info = {
  name: "two-afc",
  version: "1.0.0",
  parameters: {
    /** Addresses of the reference pictures. */
    strong: { type: ParameterType.IMAGE, array: true, default: undefined },
    weak: { type: ParameterType.IMAGE, array: true, default: undefined },
    /** Address of a picture that was made to stand for the strong group; empty for none. */
    visualization: { type: ParameterType.IMAGE, default: "" },
    /** Addresses of the two queries, from left to right. */
    options: { type: ParameterType.IMAGE, array: true, default: undefined },
    /** Side on which the strong references stand. */
    strong_side: { type: ParameterType.STRING, default: "left" },
    question: { type: ParameterType.STRING, default: "Which picture goes with the strong group?" },
    label_strong: { type: ParameterType.STRING, default: "Strong" },
    label_weak: { type: ParameterType.STRING, default: "Weak" },
    /** 0 asks for no confidence. */
    confidence_steps: { type: ParameterType.INT, default: 3 },
    ...timing,
  },
  data: {},
} as const;

type Info = typeof info;
/** The parameters as jsPsych hands them over, defaults filled in. */
type Given = Required<Pick<TrialType<Info>, keyof Info["parameters"]>>;

const SIDES = ["Left", "Right"] as const;

export class TwoAfcPlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(_jsPsych: JsPsych) {}

  trial(
    display: HTMLElement,
    described: TrialType<Info>,
    onLoad?: () => void,
  ): Promise<Record<string, never>> {
    const trial = described as Given;
    return run(new View(trial), trial as Timed, display, onLoad);
  }
}

class View implements TrialView {
  readonly root: HTMLElement;
  readonly images: HTMLImageElement[] = [];
  private readonly buttons: HTMLButtonElement[] = [];
  private readonly options: HTMLElement[];
  private readonly result = element("p", { class: "result", role: "status" });
  private pressed: { button: EventTarget | null; at: number } = { button: null, at: 0 };
  private decide: (decision: Decision) => void = () => undefined;

  constructor(trial: Given) {
    const strong = this.group("strong", trial.label_strong, trial.strong, trial.visualization);
    const weak = this.group("weak", trial.label_weak, trial.weak);
    const [left, right] = trial.strong_side === "right" ? [weak, strong] : [strong, weak];
    this.options = trial.options.map((url, i) => this.option(i as 0 | 1, url, trial));
    const queries = element("div", { class: "queries" }, ...this.options);
    this.root = element(
      "section",
      { class: `two-afc waiting${trial.visualization ? " visualized" : ""}` },
      element("h1", { class: "question" }, trial.question),
      element("div", { class: "board" }, left, queries, right),
      this.result,
    );
  }

  reveal(): void {
    this.root.classList.remove("waiting");
    document.addEventListener("keydown", this.onKey);
    for (const button of this.buttons) {
      button.disabled = false;
      button.addEventListener("pointerdown", (event) => {
        this.pressed = { button, at: event.timeStamp };
      });
      button.addEventListener("click", (event) => {
        // A click is dispatched on release; the decision was made on the press.
        const byPointer = event.detail > 0 && this.pressed.button === button;
        this.answer(button, byPointer ? this.pressed.at : event.timeStamp);
      });
    }
  }

  decision(): Promise<Decision> {
    return new Promise((resolve) => {
      this.decide = resolve;
    });
  }

  judge(correct: boolean): void {
    const chosen = this.options.find((option) => option.classList.contains("chosen"));
    chosen?.classList.add(correct ? "right" : "wrong");
    this.result.className = `result ${correct ? "right" : "wrong"}`;
    this.result.textContent = correct ? "Right" : "Not right: it was the other picture";
  }

  private answer(button: HTMLButtonElement, at: number): void {
    document.removeEventListener("keydown", this.onKey);
    for (const other of this.buttons) other.disabled = true;
    const choice = Number(button.dataset["option"]);
    button.classList.add("chosen");
    this.options[choice]?.classList.add("chosen");
    const confidence = button.dataset["confidence"];
    const sure = confidence === undefined ? {} : { confidence: Number(confidence) };
    this.decide({ response: { choice, ...sure }, at });
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    if (this.root.closest("[inert]")) return;
    const button = this.buttons.find((each) => isKey(event, each.dataset["key"] as string));
    if (!button) return;
    event.preventDefault();
    this.answer(button, event.timeStamp);
  };

  private group(
    kind: string,
    label: string,
    urls: readonly string[],
    visualization = "",
  ): HTMLElement {
    const pictures = urls.map((url, i) => this.picture(url, `${label}, ${i + 1} of ${urls.length}`));
    if (visualization) {
      const whole = this.picture(visualization, `${label}: what it looks for, as a picture`);
      whole.classList.add(urls.length > 0 ? "portrait" : "alone");
      pictures.unshift(whole);
    }
    return element(
      "section",
      { class: `references ${kind}`, "aria-label": label },
      element("h2", {}, label),
      element("div", { class: "grid" }, ...pictures),
    );
  }

  private option(position: 0 | 1, url: string, trial: Given): HTMLElement {
    const side = SIDES[position];
    const steps = trial.confidence_steps;
    const buttons = keysOf(position, steps).map((key, i) => {
      const step = i + 1;
      const word = wordOf(step, steps);
      const button = element(
        "button",
        {
          type: "button",
          class: "answer",
          disabled: true,
          "data-option": position,
          "data-confidence": steps === 0 ? null : step,
          "data-key": key,
          "aria-keyshortcuts": key,
        },
        element("span", { class: "only-heard" }, `${side} picture: `),
        steps === 0 ? null : element("b", {}, String(step)),
        element("span", { class: "word" }, word),
        element("span", { class: "only-heard" }, ", key "),
        element("kbd", {}, key),
      );
      this.buttons.push(button);
      return button;
    });
    return element(
      "div",
      { class: "option", role: "group", "aria-label": `${side} picture` },
      this.picture(url, `${side} picture`),
      ...buttons,
    );
  }

  private picture(url: string, alt: string): HTMLElement {
    const image = element("img", { src: url, alt, draggable: "false", decoding: "sync" });
    this.images.push(image);
    return element("div", { class: "picture" }, image);
  }
}
