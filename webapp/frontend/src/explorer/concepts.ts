// Cards that open in place, the same concept lit in every figure, and the address that remembers it.

import { highlight } from "./cluster";
import type { ClassData } from "./data";
import { conceptColor, drawWhere, loadMaps, type Box } from "./maps";
import { remember, remembered } from "./state";

export function startConcepts(data: ClassData): (concept: string) => void {
  const panels = new Map<string, HTMLElement>();
  document.querySelectorAll<HTMLElement>("[data-panel]").forEach((panel) => {
    panels.set(panel.dataset["panel"] ?? "", panel);
  });
  const triggers = [...document.querySelectorAll<HTMLElement | SVGElement>("[data-concept]")];

  const select = (concept: string | null): void => {
    panels.forEach((panel, id) => panel.classList.toggle("is-open", id === concept));
    for (const trigger of triggers) {
      const mine = trigger.dataset["concept"] === concept;
      trigger.classList.toggle("is-open", mine);
      if (trigger.classList.contains("card")) trigger.setAttribute("aria-expanded", String(mine));
    }
  };
  const open = (concept: string, block: ScrollLogicalPosition = "start"): void => {
    select(concept);
    if (location.hash.slice(1) !== concept) history.pushState(null, "", `#${concept}`);
    panels.get(concept)?.scrollIntoView({ block, behavior: calm() ? "auto" : "smooth" });
  };
  const close = (concept: string): void => {
    select(null);
    history.pushState(null, "", location.pathname + location.search);
    document.getElementById(`card-${concept}`)?.focus();
  };

  for (const trigger of triggers) {
    const concept = trigger.dataset["concept"] ?? "";
    if (!panels.has(concept)) continue;
    const isCard = trigger.classList.contains("card");
    if (isCard) trigger.setAttribute("aria-controls", concept);
    trigger.addEventListener("click", (event) => {
      const click = event as MouseEvent;
      if (click.ctrlKey || click.metaKey || click.shiftKey) return;
      event.preventDefault();
      if (isCard && trigger.classList.contains("is-open")) close(concept);
      else open(concept, isCard ? "nearest" : "start");
    });
    for (const kind of ["pointerenter", "focus"])
      trigger.addEventListener(kind, () => highlight(data, concept));
    for (const kind of ["pointerleave", "blur"])
      trigger.addEventListener(kind, () => highlight(data, null));
  }
  panels.forEach((panel, concept) => {
    const button = panel.querySelector<HTMLButtonElement>("[data-close]");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => close(concept));
    }
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close(concept);
    });
    startWhere(panel, data, concept);
  });

  /** The panel that the address names, itself or by a part within it. */
  const addressed = (): [HTMLElement, string] | null => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const concept = target?.closest<HTMLElement>("[data-panel]")?.dataset["panel"];
    return target && concept ? [target, concept] : null;
  };
  const fromAddress = (): void => select(addressed()?.[1] ?? null);
  window.addEventListener("popstate", fromAddress);
  window.addEventListener("hashchange", fromAddress);
  const wanted = addressed();
  select(wanted?.[1] ?? [...panels.keys()][0] ?? null);
  for (let fold = wanted?.[0].closest("details"); fold; fold = fold.parentElement?.closest("details"))
    fold.open = true;
  wanted?.[0].scrollIntoView();
  return open;
}

/** Crops show where the concept is: one when pointed at, all when the button is pressed. */
function startWhere(panel: HTMLElement, data: ClassData, concept: string): void {
  const info = data.concepts.find((item) => item.id === concept);
  if (!info || !data.maps) return;
  const whole = { maps: data.maps, row: info.index };
  const crops = [...panel.querySelectorAll<HTMLElement>(".crop[data-image]")];
  const show = (crop: HTMLElement): void => {
    const picture = crop.querySelector(".picture");
    if (!picture || picture.querySelector("canvas")) return;
    const canvas = document.createElement("canvas");
    canvas.className = "where";
    picture.append(canvas);
    const { maps: address, row } = partOf(crop) ?? whole;
    loadMaps(address)
      .then((maps) => {
        const box = (crop.dataset["box"] ?? "0 0 1 1").split(" ").map(Number);
        const image = Number(crop.dataset["image"]);
        drawWhere(canvas, maps, image, row, conceptColor(info.css), box as unknown as Box, 4);
      })
      .catch(() => canvas.remove());
  };
  const hide = (crop: HTMLElement): void => crop.querySelector("canvas")?.remove();
  const button = document.createElement("button");
  button.type = "button";
  button.className = "where-button";
  button.textContent = "Show where";
  button.setAttribute("aria-pressed", "false");
  const all = (): boolean => button.getAttribute("aria-pressed") === "true";
  const turn = (on: boolean): void => {
    button.setAttribute("aria-pressed", String(on));
    crops.forEach(on ? show : hide);
  };
  button.addEventListener("click", () => {
    turn(!all());
    remember("where", all() ? concept : null);
  });
  if (remembered("where") === concept) turn(true);
  for (const crop of crops) {
    crop.addEventListener("pointerenter", () => show(crop));
    crop.addEventListener("pointerleave", () => {
      if (!all()) hide(crop);
    });
  }
  panel.querySelector(".panel-crops h4")?.append(button);
}

/** Where the maps of a sub-concept lie, if the crop is shown for one. */
function partOf(crop: HTMLElement): { maps: string; row: number } | null {
  const maps = crop.closest<HTMLElement>("[data-maps]")?.dataset["maps"];
  const row = crop.closest<HTMLElement>("[data-row]")?.dataset["row"];
  return maps && row ? { maps, row: Number(row) } : null;
}

function calm(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
