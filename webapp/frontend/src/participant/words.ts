// What participants read between trials and when something goes wrong.

import type { PublicTrial, Settings } from "./api";
import type { Fit } from "./environment";
import type { GateText } from "./plugins/gate";
import type { Halt } from "./session";

/** Where the participant comes from, to greet them at a gate. */
export interface Passage {
  first: boolean;
  answered: number;
  total: number;
  trial: PublicTrial;
  before: PublicTrial | null;
  /** The next press asks for the full screen. */
  fullScreen: boolean;
  /** There is a key to leave it by. */
  keyboard: boolean;
  /** Shortest break between blocks. */
  breakS: number;
  resume: Settings["resume"];
}

/** What somebody should know before the first trial, who might close or reload the page. */
const LEAVING: Record<Settings["resume"], string> = {
  resume: "",
  checkpoint: " If you close or reload this page, the part that you are in begins again.",
  refuse: " Please go through in one go: if you close or reload this page, your visit ends.",
};

export function gateText(passage: Passage): GateText {
  const words = textOf(passage);
  if (passage.first) words.text += LEAVING[passage.resume];
  const between = passage.before !== null && passage.before.phase !== "practice";
  if (between && passage.breakS > 0) words.wait_s = passage.breakS;
  if (!passage.fullScreen) return words;
  const leaving = passage.keyboard ? "; Esc leaves it" : "";
  return { ...words, text: `${words.text} The task fills the screen${leaving}.` };
}

function textOf({ first, answered, total, trial, before }: Passage): GateText {
  const practice = trial.phase === "practice";
  if (first && answered > 0) {
    const again = !practice && (trial.attempt ?? 1) > 1;
    const next = again ? "the part you were in begins again" : "you go on where you were";
    return {
      title: "Welcome back",
      text: `You have answered ${answered} of ${total}. Everything is saved; ${next}.`,
      button: "Continue",
    };
  }
  if (practice && (trial.attempt ?? 1) > 1) {
    return {
      title: "Practice, once more",
      text: "Not every practice answer was right, so here is the practice again. Take your time.",
      button: "Practise again",
    };
  }
  if (practice) {
    return {
      title: "Practice",
      text: "First come a few trials to practise. They do not count.",
      button: "Start practice",
    };
  }
  if (before?.phase === "practice") {
    return {
      title: "Practice is over",
      text: "You know how it works. From here on your answers count.",
      button: "Start",
    };
  }
  if (first) {
    return {
      title: "Ready",
      text: `There are ${total} trials. Your answers are saved as you give them.`,
      button: "Start",
    };
  }
  return {
    title: "Time for a short rest",
    text: `You have answered ${answered} of ${total}. Go on when you are ready.`,
    button: "Continue",
  };
}

/** What the person reads when the task cannot go on by itself, and what the button does. */
export interface Trouble {
  title: string;
  text: string;
  button: string;
  /** Begin again within this page; else the page is loaded anew. */
  inPlace: boolean;
}

/** What happened: why the task halted, or an error of the page itself. */
export type Cause = Halt["reason"] | "error";

const TROUBLES: Record<Cause, Trouble> = {
  stale: {
    title: "This study is open in another tab",
    text:
      "It goes on there, and you can close this tab. If you cannot find the other tab, continue " +
      "here. Your answers are saved; only the last one may be asked again.",
    button: "Continue here",
    inPlace: false,
  },
  refused: {
    title: "This page is out of date",
    text:
      "The server could not take the last answer from this page. Nothing you answered before is " +
      "lost. Load the page again to go on.",
    button: "Load again",
    inPlace: false,
  },
  error: {
    title: "Something went wrong on this page",
    text: "Every answer that you gave is saved. Load the page again to go on where you were.",
    button: "Load again",
    inPlace: false,
  },
  left: {
    title: "One moment",
    text: "You are being taken to the right page.",
    button: "Go there",
    inPlace: false,
  },
};

const STAY =
  " Please do not reload or close this page: that would end your visit. If this comes again and " +
  "again, write to the people who invited you; what you answered is saved.";

/** The same where loading the page again would end the visit. */
const STAYING: Partial<Record<Cause, Trouble>> = {
  refused: {
    title: "The last answer was not taken",
    text:
      "The server could not take it this time. Nothing you answered before is lost. Press the " +
      "button to send it again." +
      STAY,
    button: "Try again",
    inPlace: true,
  },
  error: {
    title: TROUBLES.error.title,
    text: "Every answer that you gave is saved. Press the button to go on where you were." + STAY,
    button: "Go on",
    inPlace: true,
  },
};

export function troubleText(cause: Cause, resume: Settings["resume"]): Trouble {
  return (resume === "refuse" ? STAYING[cause] : undefined) ?? TROUBLES[cause];
}

export function fitText(fit: Fit, minimum: readonly [number, number]): { title: string; text: string } {
  if (fit === "phone refused") {
    return {
      title: "This study needs a computer",
      text:
        "The pictures are too small on a phone. Please open the same link on a laptop or desktop " +
        "computer. Nothing is lost.",
    };
  }
  return {
    title: "The window is too small",
    text:
      `The pictures need a window of at least ${minimum[0]} by ${minimum[1]} pixels. Please make ` +
      "the window larger or zoom out; the study then goes on by itself. Nothing is lost.",
  };
}

export const PICTURES_MISSING =
  "Some pictures could not be loaded. Please check your connection. It is tried again by itself; " +
  "nothing you answered is lost.";
