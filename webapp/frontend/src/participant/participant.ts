// Entry of the task page: puts the parts together and runs the study block by block.

import { Api, type Boot, verdict } from "./api";
import { untilNextTry } from "./backoff";
import { byId } from "./dom";
import { currentFit, describe, watch } from "./environment";
import { EventLog } from "./events";
import { Frame } from "./frame";
import { AnswerQueue } from "./queue";
import { Halt, TaskSession } from "./session";
import { Signals } from "./signals";
import { openStore } from "./store";
import { runTimeline } from "./timeline";
import { measureFrameInterval } from "./timing";
import { fitText, troubleText } from "./words";

const EVENTS_EVERY_MS = 10_000;

async function main(): Promise<void> {
  const boot = JSON.parse(byId("boot").textContent ?? "") as Boot;
  const home = boot.home ?? `/study/${encodeURIComponent(boot.study)}/`;
  const api = new Api(boot);
  const frame = new Frame();
  const events = new EventLog(
    {
      // What the server will never take must not hold up the rest.
      send: async (batch) => verdict((await api.events(batch)).status) !== "try again",
      beacon: (batch) => api.beacon(batch),
    },
    sinceOpened(boot.session),
  );
  const { store, problem } = await openStore();
  if (problem !== null) events.add("store_failed", { error: problem });
  const queue = new AnswerQueue(
    store,
    ({ index, body }) => api.answer(index, body),
    untilNextTry,
    { onState: frame.saved, onProblem: events.add },
  );
  const session = new TaskSession(api, queue, untilNextTry, events.add);

  watch(events.add);
  const signals = new Signals(events.add);
  signals.watch(document, navigator.webdriver);
  setInterval(() => void events.send(), EVENTS_EVERY_MS);
  addEventListener("pagehide", () => {
    queue.leave();
    events.leave();
  });
  // A page that the browser had put aside is older than the newest one: ask again.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  let givesUp = false;
  addEventListener("submit", () => (givesUp = true));
  addEventListener("beforeunload", (event) => {
    if (queue.busy || (session.endsOnLeaving && !givesUp)) event.preventDefault();
  });

  let interval: number | null = null;
  let guarded = false;
  const run = async (): Promise<void> => {
    try {
      if (interval === null) {
        interval = await measureFrameInterval();
        session.describeMachine(describe(interval, store.durable));
        events.add("opened", { frame_interval_ms: interval });
      }
      await session.load();
      frame.progress(session);
      if (!guarded) guardFit(session, frame, events);
      guarded = true;
      await runTimeline({ session, frame, log: events.add, signals, intervalMs: interval });
    } catch (error) {
      if (error instanceof Halt && error.reason === "left") {
        location.replace(home);
        return;
      }
      const cause = error instanceof Halt ? error.reason : "error";
      events.add(cause, { error: String(error).slice(0, 500) });
      void events.send();
      const trouble = troubleText(cause, boot.resume ?? session.settings.resume);
      const again = (): void => {
        if (!trouble.inPlace) return location.reload();
        frame.hide();
        void run();
      };
      frame.show({ ...trouble, action: { label: trouble.button, run: again } });
    }
  };
  await run();
}

/** Cover the task while the window is too small, and say what to do. */
function guardFit(session: TaskSession, frame: Frame, events: EventLog): void {
  let covered = false;
  const check = (): void => {
    const fit = currentFit(session.settings);
    if (fit !== "fits") {
      if (!covered) events.add("does_not_fit", { fit });
      frame.show(fitText(fit, session.settings.min_viewport_px));
    } else if (covered) {
      frame.hide();
    }
    covered = fit !== "fits";
  };
  check();
  addEventListener("resize", check);
}

/** Milliseconds since this browser first opened the session's task. */
function sinceOpened(session: string): () => number {
  const key = `lens-opened-${session}`;
  let opened = Date.now();
  try {
    opened = Number(localStorage.getItem(key) ?? opened);
    localStorage.setItem(key, String(opened));
  } catch {
    // Storage may be denied; then time counts from this page.
  }
  return () => Date.now() - opened;
}

void main();
