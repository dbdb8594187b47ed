// jsPsych plugin: a question about pictures, with whatever kind of answer the server asks for.
//
// Panels of pictures, a picture that is asked about, and options (pictures, groups, words), a scale,
// a text, a word of a list, or only a button to go on; confidence goes with any of them.

import { type JsPsych, type JsPsychPlugin, ParameterType, type TrialType } from "jspsych";
import { ChoiceView } from "./choice-view";
import { type Confidence, type Option, type Panel, type Query, type Wanted } from "./choice-words";
import { run, type Timed, timing } from "./trial";

const info = {
  name: "choice",
  version: "1.0.0",
  parameters: {
    question: { type: ParameterType.STRING, default: "" },
    /** Pictures beside the question: { label, folded, pictures }. */
    panels: { type: ParameterType.OBJECT, default: [] },
    /** The picture that is asked about: { picture, caption }. */
    query: { type: ParameterType.OBJECT, default: { picture: "", caption: "" } },
    /** From left to right: { label, pictures }. */
    options: { type: ParameterType.OBJECT, default: [] },
    /** What is asked for; see `Wanted`. */
    response: { type: ParameterType.OBJECT, default: { kind: "choice" } },
    /** How sure one is: see `Confidence`. */
    confidence: { type: ParameterType.OBJECT, default: null },
    ...timing,
  },
  data: {},
} as const;

type Info = typeof info;
/** The parameters as jsPsych hands them over, defaults filled in. */
type Given = Required<Pick<TrialType<Info>, keyof Info["parameters"]>>;

export class ChoicePlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(_jsPsych: JsPsych) {}

  trial(
    display: HTMLElement,
    described: TrialType<Info>,
    onLoad?: () => void,
  ): Promise<Record<string, never>> {
    const trial = described as Given;
    const view = new ChoiceView({
      question: trial.question,
      panels: trial.panels as readonly Panel[],
      query: trial.query as Query,
      options: trial.options as readonly Option[],
      wanted: trial.response as Wanted,
      confidence: trial.confidence as Confidence,
    });
    return run(view, trial as Timed, display, onLoad);
  }
}
