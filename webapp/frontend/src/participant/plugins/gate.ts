// jsPsych plugin: the page between blocks. It loads what comes next and waits for the person.

import { type JsPsych, type JsPsychPlugin, ParameterType, type TrialType } from "jspsych";
import { element } from "../dom";

export interface GateText {
  title: string;
  text: string;
  button: string;
  /** The button opens after so many seconds. */
  wait_s?: number;
}

/** Keep a button closed for so many seconds, and show how many are left. */
async function rest(button: HTMLButtonElement, label: string, seconds: number): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  button.disabled = seconds > 0;
  for (let left = seconds; left > 0; left = (end - performance.now()) / 1000) {
    button.textContent = `${label} in ${Math.ceil(left)} s`;
    await new Promise((resolve) => setTimeout(resolve, Math.min(250, 1000 * left)));
  }
  button.disabled = false;
  button.textContent = label;
}

const info = {
  name: "gate",
  version: "1.0.0",
  parameters: {
    /** Prepares the block: (progress: (done, total) => void) => Promise<GateText | null>. */
    prepare: { type: ParameterType.FUNCTION, default: undefined },
    /** Called in the person's own click, where full screen may be asked for. */
    enter: { type: ParameterType.FUNCTION, default: () => undefined },
  },
  data: {},
} as const;

type Info = typeof info;

export class GatePlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(_jsPsych: JsPsych) {}

  async trial(
    display: HTMLElement,
    trial: TrialType<Info>,
    onLoad?: () => void,
  ): Promise<Record<string, never>> {
    const bar = element("progress", { max: 1, value: 0, "aria-label": "Loading pictures" });
    const note = element("p", { role: "status" }, "Loading the pictures…");
    display.replaceChildren(element("section", { class: "gate" }, note, bar));
    onLoad?.();
    const prepare = trial.prepare as (
      progress: (done: number, total: number) => void,
      say: (text: string) => void,
    ) => Promise<GateText | null>;
    const text = await prepare(
      (done, total) => {
        bar.max = Math.max(total, 1);
        bar.value = done;
      },
      (words) => {
        note.textContent = words;
      },
    );
    if (text === null) return {};
    const button = element("button", { type: "button", class: "primary" }, text.button);
    display.replaceChildren(
      element(
        "section",
        { class: "gate" },
        element("h1", {}, text.title),
        element("p", {}, text.text),
        button,
      ),
    );
    await rest(button, text.button, text.wait_s ?? 0);
    button.focus();
    await new Promise((resolve) => button.addEventListener("click", resolve, { once: true }));
    await (trial.enter as () => unknown)();
    return {};
  }
}
