// The study as a jsPsych timeline: gate, trials of the block, gate … until the server has it all.

import { initJsPsych } from "jspsych";
import { type PublicTrial } from "./api";
import { untilNextTry } from "./backoff";
import { type Calibration } from "./calibration";
import { byId } from "./dom";
import { type Frame } from "./frame";
import { CalibratePlugin } from "./plugins/calibrate";
import { GatePlugin, type GateText } from "./plugins/gate";
import { located, Pictures, pictureUrls, preload } from "./preload";
import { type Answer, type Committed, type TaskSession } from "./session";
import { type Signals } from "./signals";
import { TASKS } from "./tasks";
import { gateText, PICTURES_MISSING } from "./words";

export interface TimelineParts {
  session: TaskSession;
  frame: Frame;
  log: (kind: string, detail?: object) => void;
  signals: Signals;
  /** Measured time between refreshes of the display. */
  intervalMs: number;
}

/** Run the session to its end, which is another page. */
export async function runTimeline(parts: TimelineParts): Promise<void> {
  const run = new Run(parts);
  const trials = Object.entries(TASKS).map(([kind, task]) => ({
    timeline: [
      {
        type: task.plugin,
        ...run.parametersOf(task.plugin.info.parameters),
        frame_interval_ms: parts.intervalMs,
        load: run.loadPicture,
        commit: run.commit,
        on_start: () => parts.frame.progress(parts.session),
      },
    ],
    conditional_function: () => run.shows(kind),
  }));
  const gate = {
    timeline: [{ type: GatePlugin, prepare: run.prepare, enter: run.enter }],
    conditional_function: () => run.needsGate,
  };
  const calibrate = {
    timeline: [
      {
        type: CalibratePlugin,
        viewing_cm: () => parts.session.settings.viewing_cm,
        keep: (found: Calibration) => parts.session.addToMachine({ calibration: found }),
      },
    ],
    conditional_function: () => parts.session.settings.calibrate && !parts.session.done,
  };
  await initJsPsych({ display_element: byId("task") }).run([
    calibrate,
    { timeline: [gate, ...trials], loop_function: () => !run.finished },
  ]);
}

class Run {
  finished = false;
  private gated = false;
  private before: PublicTrial | null = null;
  private readonly pictures = new Pictures();

  constructor(private readonly parts: TimelineParts) {}

  /** Between blocks, and at the start of a page. */
  get needsGate(): boolean {
    return !this.gated || this.parts.session.current === null;
  }

  shows(kind: string): boolean {
    const trial = this.parts.session.current;
    if (trial && !(trial.kind in TASKS)) throw new Error(`unknown kind of trial: ${trial.kind}`);
    return trial?.kind === kind;
  }

  /** jsPsych calls each of these when a trial begins, so one description serves all trials. */
  parametersOf(declared: object): Record<string, () => unknown> {
    const value = (name: string) => () => {
      const trial = this.parts.session.current;
      if (!trial) return undefined;
      return TASKS[trial.kind]?.parameters(located(trial, this.pictures.address))[name];
    };
    return Object.fromEntries(Object.keys(declared).map((name) => [name, value(name)]));
  }

  /** Load the block that comes next, or end the study; what to tell the person, if anything. */
  readonly prepare = async (
    progress: (done: number, total: number) => void,
    say: (text: string) => void,
  ): Promise<GateText | null> => {
    const { session, frame } = this.parts;
    if (this.gated) await session.load();
    frame.progress(session);
    if (session.done) {
      say("Saving your last answers…");
      await this.end();
      return null;
    }
    await this.loadPictures(session.upcoming.flatMap(pictureUrls), progress, say);
    const text = gateText({
      first: !this.gated,
      answered: session.answered,
      total: session.total,
      trial: session.current as PublicTrial,
      before: this.before,
      fullScreen: session.settings.full_screen && !document.fullscreenElement,
      keyboard: !matchMedia("(hover: none) and (pointer: coarse)").matches,
      breakS: session.settings.break_s,
      resume: session.settings.resume,
    });
    this.gated = true;
    return text;
  };

  /** Full screen can only be asked for in the person's own click. */
  readonly enter = async (): Promise<void> => {
    const { session, log } = this.parts;
    if (!session.settings.full_screen || document.fullscreenElement) return;
    await document.documentElement
      .requestFullscreen()
      .catch((error: unknown) => log("fullscreen_refused", { error: String(error) }));
  };

  readonly commit = async (answer: Answer): Promise<Committed> => {
    const { session, frame, signals } = this.parts;
    this.before = session.current;
    signals.answered(session.current?.index ?? -1, answer.rt_ms);
    const committed = await session.commit(answer);
    frame.score(session);
    return committed;
  };

  /** Load one picture, however long it takes. */
  readonly loadPicture = async (url: string): Promise<void> => {
    while ((await preload([url], this.pictures.load, untilNextTry, this.hooks())).length > 0);
  };

  private async loadPictures(
    urls: readonly string[],
    progress: (done: number, total: number) => void,
    say: (text: string) => void,
  ): Promise<void> {
    this.pictures.keep(urls);
    const load = (bundle: string): Promise<void> => this.pictures.loadBundle(bundle, urls);
    await preload(this.parts.session.bundles, load, untilNextTry, this.hooks(progress));
    // What a bundle could not bring comes one by one.
    const left = urls.filter((url) => !this.pictures.has(url));
    let missing = await preload(left, this.pictures.load, untilNextTry, this.hooks(progress));
    while (missing.length > 0) {
      say(PICTURES_MISSING);
      missing = await preload(missing, this.pictures.load, untilNextTry, this.hooks());
    }
  }

  private hooks(onProgress: (done: number, total: number) => void = () => undefined) {
    return {
      onProgress,
      onFailure: (url: string, attempt: number) =>
        this.parts.log("picture_failed", { url, attempt }),
    };
  }

  /** Leave for the last page once the server confirms that it has every answer. */
  private async end(): Promise<void> {
    const redirect = await this.parts.session.finish();
    if (redirect === null) return;
    this.finished = true;
    this.parts.log("finished");
    location.replace(redirect);
  }
}
