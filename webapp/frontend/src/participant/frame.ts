// The frame around the task: progress, score, whether everything is saved, and messages.

import { byId, element } from "./dom";
import { type QueueState } from "./queue";
import { type TaskSession } from "./session";

const SHOW_SAVING_AFTER_MS = 250;

const PHASES: Record<string, string> = { practice: "Practice", training: "Learning" };

export interface Message {
  title: string;
  text: string;
  action?: { label: string; run: () => void };
}

export class Frame {
  private readonly saving = byId("saving");
  private readonly message = byId("message");
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Show how far the participant is. */
  progress(session: TaskSession): void {
    const total = Math.max(session.total, session.answered, 1);
    const bar = byId("progress") as HTMLProgressElement;
    bar.max = total;
    bar.value = session.answered;
    const trial = session.current;
    const phase = trial ? (PHASES[trial.phase] ?? "") : "";
    const count = trial ? `${session.answered + 1} of ${total}` : `${session.answered} of ${total}`;
    byId("count").textContent = phase ? `${phase} · ${count}` : count;
    this.score(session);
  }

  /** Show the running score, where the study has one. */
  score(session: TaskSession): void {
    const score = session.settings.running_score ? session.score : null;
    byId("score").textContent = score?.answered ? `Right: ${score.correct} of ${score.answered}` : "";
  }

  /** Say whether the last answer is saved; a quick save says nothing. */
  readonly saved = (state: QueueState): void => {
    clearTimeout(this.timer);
    if (state.kind === "idle") {
      this.say("", "idle");
    } else if (state.kind === "saving") {
      if (this.saving.dataset["state"] === "waiting") return;
      this.timer = setTimeout(() => this.say("Saving…", "saving"), SHOW_SAVING_AFTER_MS);
    } else {
      this.say(
        navigator.onLine
          ? "Saving… The server does not answer yet. Your answer is kept on this computer and sent " +
              "again by itself; please leave this page open."
          : "Saving… There is no connection. Your answer is kept on this computer and sent as soon " +
              "as you are online again; please leave this page open.",
        "waiting",
      );
    }
  };

  /** Cover the task with a message. */
  show(message: Message): void {
    const parts = [element("h1", {}, message.title), element("p", {}, message.text)];
    this.message.replaceChildren(...parts);
    if (message.action) {
      const button = element("button", { type: "button", class: "primary" }, message.action.label);
      button.addEventListener("click", message.action.run);
      this.message.append(button);
      button.focus();
    }
    this.message.hidden = false;
    byId("task").inert = true;
    this.message.querySelector("button")?.focus();
  }

  hide(): void {
    this.message.hidden = true;
    byId("task").inert = false;
  }

  private say(text: string, state: string): void {
    this.saving.textContent = text;
    this.saving.dataset["state"] = state;
  }
}
