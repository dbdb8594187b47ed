// The slider under a concept's dose–response curve: it moves a dot along the curve and reads it out.

import { percent, type ClassData } from "./data";

export interface Curve {
  logit: number[];
  probability: number[];
  changed: number[];
  changes_at: number | null;
  bends_at: number | null;
  leaves_at: number | null;
}

export interface SteeringData {
  doses: number[];
  concepts: Record<string, Curve>;
}

/** A curve's value between the doses at which it was recorded, on the straight line that is drawn. */
export function between(doses: readonly number[], values: readonly number[], dose: number): number {
  const after = doses.findIndex((recorded) => recorded >= dose);
  if (after < 0) return values.at(-1) ?? NaN;
  const [right, rightDose] = [values[after] ?? NaN, doses[after] ?? NaN];
  if (after === 0) return right;
  const [left, leftDose] = [values[after - 1] ?? NaN, doses[after - 1] ?? NaN];
  return left + ((right - left) * (dose - leftDose)) / (rightDose - leftDose);
}

/** What has broken at this dose, in words. */
export function broken(curve: Curve, dose: number): string {
  const beyond = (at: number | null): boolean =>
    at !== null && Math.sign(at) === Math.sign(dose) && Math.abs(dose) >= Math.abs(at);
  const said: string[] = [];
  if (beyond(curve.changes_at)) said.push("most decisions have changed");
  if (curve.bends_at !== null && dose > curve.bends_at) said.push("more of it works the other way");
  if (beyond(curve.leaves_at)) said.push("activations are no longer like real ones");
  const text = said.join("; ");
  return text && `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

export function startSteering(data: ClassData): void {
  const steering = data.steering;
  if (!steering) return;
  document.querySelectorAll<HTMLElement>("[data-steering]").forEach((box) => {
    const curve = steering.concepts[box.dataset["steering"] ?? ""];
    const slider = box.querySelector<HTMLInputElement>("[data-dose]");
    if (!curve || !slider) return;
    const show = (): void => update(box, slider, steering.doses, curve);
    slider.hidden = false;
    slider.value = "0"; // browsers remember where it stood
    slider.addEventListener("input", show);
    show();
  });
}

function update(box: HTMLElement, slider: HTMLInputElement, doses: number[], curve: Curve): void {
  const dose = Number(slider.value);
  const logit = number(between(doses, curve.logit, dose), 2);
  const probability = between(doses, curve.probability, dose);
  const changed = percent(between(doses, curve.changed, dose));
  const state = broken(curve, dose);
  const write = (name: string, text: string): void => {
    const element = box.querySelector(`[data-out="${name}"]`);
    if (element && element.textContent !== text) element.textContent = text;
  };
  write("dose", number(dose, 2).replace(/\.?0+$/, ""));
  write("logit", logit);
  write("probability", percent(probability));
  write("changed", changed);
  write("state", state);
  const told = [`logit ${logit}`, `probability ${percent(probability)}`, `${changed} changed`];
  slider.setAttribute("aria-valuetext", `dose ${number(dose, 2)}: ${told.join(", ")}`);
  move(box, slider, dose, (path) => pathAt(box, path, dose, slider));
}

/** The dots follow the curves that the page has drawn. */
function move(
  box: HTMLElement,
  slider: HTMLInputElement,
  dose: number,
  at: (path: string) => number | null,
): void {
  const x = place(slider, dose);
  const line = box.querySelector(".dose-now");
  line?.setAttribute("x1", x.toFixed(1));
  line?.setAttribute("x2", x.toFixed(1));
  for (const name of ["logit", "probability"]) {
    const dot = box.querySelector(`[data-now="${name}"]`);
    const y = at(name);
    dot?.setAttribute("cx", x.toFixed(1));
    if (y !== null) dot?.setAttribute("cy", y.toFixed(1));
  }
}

/** Sides of the plot, as webapp/explorer/steering.py has them. */
const LEFT = 52;
const RIGHT = 624;

function place(slider: HTMLInputElement, dose: number): number {
  const [low, high] = [Number(slider.min), Number(slider.max)];
  return LEFT + ((dose - low) / (high - low)) * (RIGHT - LEFT);
}

function pathAt(
  box: HTMLElement,
  name: string,
  dose: number,
  slider: HTMLInputElement,
): number | null {
  const points = box.querySelector(`.dose-${name}`)?.getAttribute("d")?.slice(1).split("L");
  if (!points) return null;
  const xy = points.map((point) => point.split(" ").map(Number));
  const [xs, ys] = [xy.map(([x]) => x ?? NaN), xy.map(([, y]) => y ?? NaN)];
  return between(xs, ys, place(slider, dose));
}

function number(value: number, digits: number): string {
  return value.toFixed(digits).replace("-", "\u2212");
}
