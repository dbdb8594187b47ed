// The slider under a concept's dose–response curve: it moves a dot along the curve and reads it out.

import { bisector } from "d3-array";
import { scaleLinear } from "d3-scale";
import { pointer } from "d3-selection";
import { percent, type ClassData } from "./data";
import { remember, remembered } from "./state";

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

const nextDose = bisector((dose: number) => dose).left;

/** A curve's value between the doses at which it was recorded, on the straight line that is drawn. */
export function between(doses: readonly number[], values: readonly number[], dose: number): number {
  const last = doses.length - 1;
  const after = Math.min(Math.max(nextDose(doses, dose), 1), last);
  const ends = [doses[after - 1] ?? NaN, doses[after] ?? NaN];
  const reached = [values[after - 1] ?? NaN, values[after] ?? NaN];
  return last < 1 ? (values[0] ?? NaN) : scaleLinear(ends, reached).clamp(true)(dose);
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
  const [kept, keptDose] = (remembered("dose") ?? "").split(":");
  document.querySelectorAll<HTMLElement>("[data-steering]").forEach((box) => {
    const concept = box.dataset["steering"] ?? "";
    const curve = steering.concepts[concept];
    const slider = box.querySelector<HTMLInputElement>("[data-dose]");
    const svg = box.querySelector<SVGSVGElement>("svg.dose");
    if (!curve || !slider || !svg) return;
    const show = (): void => update(box, slider, steering.doses, curve);
    const keep = (): void =>
      remember("dose", Number(slider.value) ? `${concept}:${slider.value}` : null);
    slider.hidden = false;
    slider.value = concept === kept ? (keptDose ?? "0") : "0"; // browsers remember where it stood
    slider.addEventListener("input", show);
    slider.addEventListener("change", keep);
    pullAlong(svg, slider, show, keep);
    show();
  });
}

/** The curve itself can be pulled along, too. */
function pullAlong(
  svg: SVGSVGElement,
  slider: HTMLInputElement,
  show: () => void,
  keep: () => void,
): void {
  const pull = (event: PointerEvent): void => {
    slider.value = String(across(slider).invert(pointer(event, svg)[0])); // rounds to its steps
    show();
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    svg.setPointerCapture(event.pointerId);
    pull(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (svg.hasPointerCapture(event.pointerId)) pull(event);
  });
  svg.addEventListener("pointerup", keep);
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
  move(box, across(slider)(dose));
}

/** The dots follow the curves that the page has drawn. */
function move(box: HTMLElement, x: number): void {
  const line = box.querySelector(".dose-now");
  line?.setAttribute("x1", x.toFixed(1));
  line?.setAttribute("x2", x.toFixed(1));
  for (const name of ["logit", "probability"]) {
    const points = (box.querySelector(`.dose-${name}`)?.getAttribute("d") ?? "").slice(1).split("L");
    const xy = points.map((point) => point.split(" ").map(Number));
    const y = between(xy.map(([at = NaN]) => at), xy.map(([, at = NaN]) => at), x);
    const dot = box.querySelector(`[data-now="${name}"]`);
    dot?.setAttribute("cx", x.toFixed(1));
    if (Number.isFinite(y)) dot?.setAttribute("cy", y.toFixed(1));
  }
}

/** Sides of the plot, as webapp/explorer/steering.py has them. */
const SIDES = [52, 624] as const;

/** From a dose to its place in the figure, and back. */
function across(slider: HTMLInputElement): ReturnType<typeof scaleLinear<number, number>> {
  return scaleLinear([Number(slider.min), Number(slider.max)], SIDES).clamp(true);
}

function number(value: number, digits: number): string {
  return value.toFixed(digits).replace("-", "\u2212");
}
