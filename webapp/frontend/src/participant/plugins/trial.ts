// What trials of all tasks have in common: their timing. All pictures appear in the same frame; the
// clock starts when that frame is shown. The trial ends when the answer is committed, that is when
// the server has it.

import { ParameterType } from "jspsych";
import { type Answer, type Committed } from "../session";
import { appear, corrected, FrameWatch, PaintWatch, pageClock, wallClock } from "../timing";
import { decoded } from "./pictures";

/** Parameters of every plugin that shows a trial. */
export const timing = {
  /** Time from the empty frame to the pictures, milliseconds. */
  start_delay_ms: { type: ParameterType.INT, default: 0 },
  feedback_ms: { type: ParameterType.INT, default: 1150 },
  /** Measured time between refreshes of the display, milliseconds. */
  frame_interval_ms: { type: ParameterType.FLOAT, default: 1000 / 60 },
  /** Makes sure that a picture is there: (url) => Promise. */
  load: { type: ParameterType.FUNCTION, default: undefined },
  /** Commits the answer: (Answer) => Promise<Committed>. */
  commit: { type: ParameterType.FUNCTION, default: undefined },
} as const;

/** The parameters above as jsPsych hands them over. */
export interface Timed {
  start_delay_ms: number;
  feedback_ms: number;
  frame_interval_ms: number;
  load: (url: string) => Promise<unknown>;
  commit: (answer: Answer) => Promise<Committed>;
}

/** What was answered, and when, on the page's clock in milliseconds. */
export interface Decision {
  response: Record<string, unknown>;
  at: number;
}

/** The elements of a trial. Pictures are laid out but not visible, and nothing can be answered,
 * until `reveal`. */
export interface TrialView {
  readonly root: HTMLElement;
  readonly images: readonly HTMLImageElement[];
  reveal(): void;
  /** Resolves with the first complete answer; afterwards nothing can be changed. */
  decision(): Promise<Decision>;
  judge(correct: boolean, message: string): void;
}

/** Show a trial until its answer is committed, and the verdict if the server gives one. */
export async function run(
  view: TrialView,
  trial: Timed,
  display: HTMLElement,
  onLoad?: () => void,
): Promise<Record<string, never>> {
  display.replaceChildren(view.root);
  onLoad?.();
  const begun = await new Promise<number>((resolve) => pageClock.frame(resolve));
  await Promise.all(view.images.map((image) => decoded(image, trial.load)));
  const interval = trial.frame_interval_ms;
  const decided = view.decision();
  const paint = new PaintWatch(view.images);
  const shown = await appear(() => view.reveal(), begun + trial.start_delay_ms, interval);
  const frames = new FrameWatch(interval);
  frames.start(shown.stamps);
  const decision = await decided;
  const onset = corrected(shown, paint.stop(), interval);
  const { correct, message } = await trial.commit({
    response: decision.response,
    rt_ms: Math.max(0, decision.at - onset.at),
    onset_error_ms: onset.error_ms,
    dropped_frames: frames.stop(),
    presented_at: onset.wall,
    answered_at: wallClock(decision.at),
  });
  if (correct !== null) {
    view.judge(correct, message ?? "");
    await new Promise((resolve) => setTimeout(resolve, trial.feedback_ms));
  }
  return {};
}
