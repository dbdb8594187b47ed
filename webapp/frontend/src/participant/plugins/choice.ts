// jsPsych plugin: a question about pictures, with whatever kind of answer the server asks for.
//
// Panels of pictures, a picture that is asked about, and options (pictures, groups, words), a scale,
// a text, a word of a list, or only a button to go on; confidence may follow. All pictures appear in
// the same frame; the clock starts when that frame is shown. The trial ends when the server has it.

import { type JsPsych, type JsPsychPlugin, ParameterType, type TrialType } from "jspsych";
import { type Answer, type Committed } from "../session";
import { appear, FrameWatch, pageClock, wallClock } from "../timing";
import { ChoiceView } from "./choice-view";
import { type Confidence, type Option, type Panel, type Query, type Wanted } from "./choice-words";
import { decoded } from "./pictures";

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
    /** How sure one is: { kind: "steps", steps }, { kind: "percent" }, or null. */
    confidence: { type: ParameterType.OBJECT, default: null },
    /** Time from the empty frame to the pictures, milliseconds. */
    start_delay_ms: { type: ParameterType.INT, default: 0 },
    feedback_ms: { type: ParameterType.INT, default: 1150 },
    /** Measured time between refreshes of the display, milliseconds. */
    frame_interval_ms: { type: ParameterType.FLOAT, default: 1000 / 60 },
    /** Makes sure that a picture is there: (url) => Promise. */
    load: { type: ParameterType.FUNCTION, default: undefined },
    /** Commits the answer: (Answer) => Promise<Committed>. */
    commit: { type: ParameterType.FUNCTION, default: undefined },
  },
  data: {},
} as const;

type Info = typeof info;
/** The parameters as jsPsych hands them over, defaults filled in. */
type Given = Required<Pick<TrialType<Info>, keyof Info["parameters"]>>;

export class ChoicePlugin implements JsPsychPlugin<Info> {
  static readonly info = info;

  constructor(_jsPsych: JsPsych) {}

  async trial(
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
    display.replaceChildren(view.root);
    onLoad?.();
    const begun = await new Promise<number>((resolve) => pageClock.frame(resolve));
    await Promise.all(view.images.map((image) => decoded(image, trial.load)));
    const interval = trial.frame_interval_ms;
    const decided = view.decision();
    const onset = await appear(() => view.reveal(), begun + trial.start_delay_ms, interval);
    const frames = new FrameWatch(interval);
    frames.start();
    const decision = await decided;
    const answer: Answer = {
      response: decision.response,
      rt_ms: Math.max(0, decision.at - onset.at),
      onset_error_ms: onset.error_ms,
      dropped_frames: frames.stop(),
      presented_at: onset.wall,
      answered_at: wallClock(decision.at),
    };
    const commit = trial.commit as (answer: Answer) => Promise<Committed>;
    const { correct, message } = await commit(answer);
    if (correct !== null) {
      view.judge(correct, message ?? "");
      await new Promise((resolve) => setTimeout(resolve, trial.feedback_ms));
    }
    return {};
  }
}
