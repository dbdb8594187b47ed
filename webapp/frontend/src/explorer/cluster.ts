// The cluster graph: the nearest dot answers the pointer, arrow keys walk from dot to dot.

import { imageAddress, percent, type ClassData, type ConceptData } from "./data";
import { conceptColor, drawWhere, loadMaps } from "./maps";

/** How far from a dot the pointer may be, in units of the figure. */
const REACH = 18;

export interface Point {
  x: number;
  y: number;
}

interface Dot extends Point {
  element: SVGCircleElement;
}

export function startCluster(data: ClassData, open: (concept: string) => void): void {
  const svg = document.querySelector<SVGSVGElement>("#cluster");
  const preview = document.querySelector<HTMLElement>("[data-preview]");
  if (!svg || !preview) return;
  const dots: Dot[] = [...svg.querySelectorAll<SVGCircleElement>(".points circle")].map((element) => ({
    element,
    x: Number(element.getAttribute("cx")),
    y: Number(element.getAttribute("cy")),
  }));
  const byIndex = new Map(data.concepts.map((concept) => [concept.index, concept]));
  const conceptOf = (place: number): ConceptData | undefined => byIndex.get(data.top[place] ?? -1);
  let active = -1;
  let homeOfFocus = 0;

  const activate = (place: number): void => {
    if (place === active) return;
    dots[active]?.element.classList.remove("is-active");
    active = place;
    const dot = dots[place];
    if (!dot) return;
    dot.element.classList.add("is-active");
    show(preview, data, place, conceptOf(place));
  };
  const near = (event: PointerEvent | MouseEvent): number => {
    const matrix = svg.getScreenCTM();
    if (!matrix) return -1;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    return nearest(dots, at.x, at.y, Math.max(REACH, 22 / matrix.a));
  };
  svg.addEventListener("pointermove", (event) => {
    const place = near(event);
    if (place >= 0) activate(place);
  });
  svg.addEventListener("click", (event) => {
    const place = near(event);
    if (place < 0) return;
    activate(place);
    const concept = conceptOf(place);
    if (concept && event.detail > 1) open(concept.id);
  });

  const focusOn = (place: number): void => {
    const before = dots[homeOfFocus]?.element;
    before?.setAttribute("tabindex", "-1");
    homeOfFocus = place;
    const element = dots[place]?.element;
    if (!element) return;
    const concept = conceptOf(place);
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", `Image ${place}, ${describe(data, place, concept)}`);
  };
  if (dots.length) focusOn(0);
  svg.addEventListener("focusin", (event) => {
    const place = dots.findIndex((dot) => dot.element === event.target);
    if (place >= 0) activate(place);
  });
  svg.addEventListener("keydown", (event) => {
    const here = dots[homeOfFocus];
    if (!here) return;
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ];
    if (direction) {
      event.preventDefault();
      const next = inDirection(dots, here, direction[0] ?? 0, direction[1] ?? 0);
      if (next >= 0) {
        focusOn(next);
        dots[next]?.element.focus();
      }
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const concept = conceptOf(homeOfFocus);
      if (concept) open(concept.id);
    }
  });
}

/** Make the dots of one concept stand out, or all alike again. */
export function highlight(data: ClassData, concept: string | null): void {
  const index = data.concepts.find((item) => item.id === concept)?.index;
  document.querySelectorAll("#cluster .points circle").forEach((dot, place) => {
    dot.classList.toggle("is-dimmed", index !== undefined && data.top[place] !== index);
  });
  document.querySelectorAll<SVGElement>("#cluster [data-mark]").forEach((mark) => {
    mark.classList.toggle("is-dimmed", concept !== null && mark.dataset["mark"] !== concept);
  });
}

function describe(data: ClassData, place: number, concept: ConceptData | undefined): string {
  const share = data.share[place] ?? null;
  const much = share === null ? "" : ` with ${percent(share)} of the logit`;
  const sure = percent(data.probability[place] ?? 0);
  return `${concept?.label ?? "another concept"} counts most${much}; the model is ${sure} sure`;
}

function show(
  preview: HTMLElement,
  data: ClassData,
  place: number,
  concept: ConceptData | undefined,
): void {
  const image = preview.querySelector<HTMLImageElement>("[data-preview-image]");
  const canvas = preview.querySelector<HTMLCanvasElement>("[data-preview-where]");
  const text = preview.querySelector<HTMLElement>("[data-preview-text]");
  if (!image || !canvas || !text) return;
  image.src = `${data.pictures}${data.picture[place]}?v=${data.version}`;
  image.alt = `Image ${place}`;
  const link = preview.querySelector<HTMLAnchorElement>("[data-preview-link]");
  const page = imageAddress(data, place);
  if (link) link.hidden = page === null;
  if (link && page) link.href = page;
  canvas.hidden = true;
  const title = document.createElement("b");
  title.textContent = `Image ${place}`;
  const held = data.split[place] ? " Kept aside when the concepts were found." : "";
  text.replaceChildren(title, `: ${describe(data, place, concept)}.${held}`);
  if (!concept || !data.maps) return;
  loadMaps(data.maps)
    .then(async (maps) => {
      await image.decode().catch(() => undefined);
      if (!image.src.includes(data.picture[place] ?? "\0")) return;
      drawWhere(canvas, maps, place, concept.index, conceptColor(concept.css));
      canvas.hidden = preview.classList.contains("without-where");
    })
    .catch(() => undefined); // the picture alone is still right
}

export function nearest(dots: readonly Point[], x: number, y: number, reach: number): number {
  let best = -1;
  let bestDistance = reach;
  dots.forEach((dot, place) => {
    const distance = Math.hypot(dot.x - x, dot.y - y);
    if (distance < bestDistance) [best, bestDistance] = [place, distance];
  });
  return best;
}

/** The dot that lies furthest in a direction's favour: near, and little to the side. */
export function inDirection(dots: readonly Point[], from: Point, dx: number, dy: number): number {
  let best = -1;
  let bestCost = Infinity;
  dots.forEach((dot, place) => {
    const along = (dot.x - from.x) * dx + (dot.y - from.y) * dy;
    const aside = Math.abs((dot.x - from.x) * dy + (dot.y - from.y) * dx);
    if (dot === from || along <= 0.5 || aside > 3 * along) return;
    const cost = along + 2.5 * aside;
    if (cost < bestCost) [best, bestCost] = [place, cost];
  });
  return best;
}
