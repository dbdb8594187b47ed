// jsPsych plugin: the page between blocks. It loads what comes next and waits for the person.

import { type JsPsych, type JsPsychPlugin, ParameterType, type TrialType } from "jspsych";
import { element } from "../dom";

export interface GateText {
  title: string;
  text: string;
  button: string;
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
    button.focus();
    await new Promise((resolve) => button.addEventListener("click", resolve, { once: true }));
    await (trial.enter as () => unknown)();
    return {};
  }
}
