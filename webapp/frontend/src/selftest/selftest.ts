// The console's timing self-test: how well this browser on this machine keeps time.
//
// It measures with the task's own clock (participant/timing.ts). What happens between the browser
// and the eye, the display's own delay, only a light sensor can measure.

import { browserOf, systemOf } from "../participant/environment";
import { appear, FrameWatch, measureFrameInterval, median } from "../participant/timing";

const N_FRAMES = 120;
const N_ONSETS = 20;
const N_DECODES = 10;
const N_KEYS = 8;
const PICTURE_PX = 640;

interface Spread {
  median: number;
  sd: number;
  max: number;
  n: number;
}

export interface Report {
  device: string;
  browser: string;
  os: string;
  pixel_ratio: number;
  frame_interval_ms: number;
  dropped_frames: number;
  onset_error_ms: Spread;
  decode_ms: Spread;
  key_ms: Spread;
}

function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const round = (value: number): number => Number(value.toFixed(2));
  return {
    median: round(median(values)),
    sd: round(Math.sqrt(squares / Math.max(1, values.length - 1))),
    max: round(Math.max(...values.map(Math.abs))),
    n: values.length,
  };
}

/** Shown minus intended, over reveals at moments that fall anywhere between two frames. */
async function onsets(target: HTMLElement, interval: number): Promise<Spread> {
  const errors: number[] = [];
  for (let i = 0; i < N_ONSETS; i += 1) {
    target.hidden = true;
    const intended = performance.now() + 80 + (i * interval) / N_ONSETS;
    errors.push((await appear(() => (target.hidden = false), intended, interval)).error_ms);
  }
  return spread(errors);
}

async function decodes(): Promise<Spread> {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = PICTURE_PX;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const times: number[] = [];
  for (let i = 0; i < N_DECODES; i += 1) {
    for (let x = 0; x < PICTURE_PX; x += 8) {
      context.fillStyle = `hsl(${(x * 7 + i * 31) % 360} 60% 50%)`;
      context.fillRect(x, 0, 8, PICTURE_PX);
    }
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!blob) continue;
    const image = new Image();
    const begun = performance.now();
    image.src = URL.createObjectURL(blob);
    await image.decode();
    times.push(performance.now() - begun);
    URL.revokeObjectURL(image.src);
  }
  return spread(times);
}

/** From the browser's time stamp of a key to the moment at which the page is told. */
async function keys(say: (text: string) => void): Promise<Spread> {
  const delays: number[] = [];
  while (delays.length < N_KEYS) {
    say(`Press the space bar, ${N_KEYS - delays.length} more times.`);
    const delay = await new Promise<number>((resolve) => {
      const pressed = (event: KeyboardEvent): void => {
        if (event.key !== " " || event.repeat) return;
        event.preventDefault();
        document.removeEventListener("keydown", pressed);
        resolve(performance.now() - event.timeStamp);
      };
      document.addEventListener("keydown", pressed);
    });
    delays.push(delay);
  }
  return spread(delays);
}

async function run(form: HTMLFormElement): Promise<void> {
  const status = form.querySelector("[data-status]") as HTMLElement;
  const target = document.querySelector("[data-target]") as HTMLElement;
  const say = (text: string): void => {
    status.textContent = text;
  };
  say("Measuring the display…");
  const interval = await measureFrameInterval(N_FRAMES);
  const frames = new FrameWatch(interval);
  frames.start();
  const onset = await onsets(target, interval);
  const dropped = frames.stop();
  say("Measuring how long pictures take…");
  const decode = await decodes();
  const key = await keys(say);
  const report: Report = {
    device: String(new FormData(form).get("device") ?? "").trim(),
    browser: browserOf(navigator.userAgent),
    os: systemOf(navigator.userAgent),
    pixel_ratio: devicePixelRatio,
    frame_interval_ms: Number(interval.toFixed(3)),
    dropped_frames: dropped,
    onset_error_ms: onset,
    decode_ms: decode,
    key_ms: key,
  };
  say("Saving the report…");
  const reply = await fetch(form.action, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-CSRFToken": String(new FormData(form).get("csrf_token")),
    },
    body: JSON.stringify(report),
  });
  if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
  location.reload();
}

const form = document.querySelector<HTMLFormElement>("[data-selftest]");
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = form.querySelector("button") as HTMLButtonElement;
  button.disabled = true;
  button.blur();
  run(form).catch((error: unknown) => {
    button.disabled = false;
    const status = form.querySelector("[data-status]") as HTMLElement;
    status.textContent = `The test did not come to its end: ${String(error)}`;
  });
});
