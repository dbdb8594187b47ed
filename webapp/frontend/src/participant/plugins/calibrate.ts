// jsPsych plugin: how many pixels a millimetre has here, found with a bank card held to the screen.
// The person makes an outline as wide as theirs.

import { type JsPsych, type JsPsychPlugin, ParameterType, type TrialType } from "jspsych";
import { calibration, CARD_MM, type Calibration } from "../calibration";
import { element } from "../dom";

const START_PX = 325;
const RANGE_PX = [160, 900] as const;

const info = {
  name: "calibrate",
  version: "1.0.0",
  parameters: {
    /** How far the eyes are from the screen, centimetres. */
    viewing_cm: { type: ParameterType.FLOAT, default: 57 },
    /** Keeps what was found: (Calibration) => void. */
    keep: { type: ParameterType.FUNCTION, default: () => undefined },
  },
  data: {},
} as const;

type Info = typeof info;

export class CalibratePlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(_jsPsych: JsPsych) {}

  async trial(
    display: HTMLElement,
    trial: TrialType<Info>,
    onLoad?: () => void,
  ): Promise<Record<string, never>> {
    const viewing = trial.viewing_cm as number;
    const card = element("div", { class: "card", role: "img", "aria-label": "Outline of a card" });
    const slider = element("input", {
      type: "range",
      min: RANGE_PX[0],
      max: RANGE_PX[1],
      step: 1,
      value: START_PX,
      "aria-label": "Width of the outline",
    });
    const fit = (): void => {
      card.style.width = `${slider.value}px`;
      card.style.height = `${(Number(slider.value) * CARD_MM.height) / CARD_MM.width}px`;
    };
    slider.addEventListener("input", fit);
    fit();
    const button = element("button", { type: "button", class: "primary" }, "It fits");
    display.replaceChildren(
      element(
        "section",
        { class: "gate calibrate" },
        element("h1", {}, "How large is your screen?"),
        element(
          "p",
          {},
          "Hold a bank card, or any card of that size, against the screen and move the slider until " +
            "the outline is exactly as wide as the card. The arrow keys move it by one step.",
        ),
        slider,
        card,
        element("p", {}, `Then sit about ${viewing} cm away from the screen, and stay there.`),
        button,
      ),
    );
    onLoad?.();
    slider.focus();
    await new Promise((resolve) => button.addEventListener("click", resolve, { once: true }));
    (trial.keep as (found: Calibration) => void)(calibration(Number(slider.value), viewing));
    return {};
  }
}
