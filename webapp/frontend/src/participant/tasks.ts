// Which plugin shows which kind of trial. A new human task is one plugin and one entry here.

import { type JsPsych, type JsPsychPlugin } from "jspsych";
import { type PublicTrial } from "./api";
import { ChoicePlugin } from "./plugins/choice";
import { TwoAfcPlugin } from "./plugins/two-afc";

export interface Task {
  // jsPsych's own description of a plugin class is generic in its parameters, which differ.
  plugin: (new (jsPsych: JsPsych) => JsPsychPlugin<any>) & { info: { parameters: object } };
  parameters: (trial: PublicTrial) => Record<string, unknown>;
}

interface TwoAfcTrial extends PublicTrial {
  references: { strong: string[]; weak: string[]; visualization?: string[] };
  options: string[];
  strong_side?: "left" | "right";
  labels?: { question?: string; strong?: string; weak?: string };
  confidence_steps?: number;
  start_delay_ms?: number;
  feedback_ms?: number;
}

export const TASKS: Record<string, Task> = {
  // The server names its fields like the plugin's parameters.
  choice: { plugin: ChoicePlugin, parameters: (trial) => trial },
  two_afc: {
    plugin: TwoAfcPlugin,
    parameters: (given) => {
      const trial = given as TwoAfcTrial;
      return withoutUndefined({
        strong: trial.references.strong,
        weak: trial.references.weak,
        visualization: trial.references.visualization?.[0],
        options: trial.options,
        strong_side: trial.strong_side,
        question: trial.labels?.question,
        label_strong: trial.labels?.strong,
        label_weak: trial.labels?.weak,
        confidence_steps: trial.confidence_steps,
        start_delay_ms: trial.start_delay_ms,
        feedback_ms: trial.feedback_ms,
      });
    },
  },
};

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
