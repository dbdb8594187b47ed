// What a dictionary that all classes share adds: maps of all concepts and classes, and where a
// concept is in its strongest images.

import { inDirection, nearest, type Point } from "./cluster";
import { conceptColor, drawWhere, loadMaps } from "./maps";

/** How far from a dot the pointer may be, in units of the figure. */
const REACH = 24;

interface Stop extends Point {
  link: SVGAElement;
}

/** The dot nearest to the pointer is shown beside the map; arrow keys walk from dot to dot. */
export function startAtlasMaps(): void {
  document.querySelectorAll<HTMLElement>("[data-atlas-map]").forEach((map) => {
    const svg = map.querySelector<SVGSVGElement>(".atlas-map");
    if (!svg) return;
    const stops: Stop[] = [...svg.querySelectorAll<SVGAElement>("a")].map((link) => {
      const circle = link.querySelector(":scope > circle");
      return {
        link,
        x: Number(circle?.getAttribute("cx")),
        y: Number(circle?.getAttribute("cy")),
      };
    });
    let active = -1;
    const activate = (place: number): void => {
      const stop = stops[place];
      if (place === active || !stop) return;
      stops[active]?.link.classList.remove("is-active");
      stops[active]?.link.setAttribute("tabindex", "-1");
      active = place;
      stop.link.classList.add("is-active");
      stop.link.setAttribute("tabindex", "0");
      show(map, stop.link);
    };
    stops.forEach(({ link }) => link.setAttribute("tabindex", "-1"));
    activate(0);
    svg.addEventListener("pointermove", (event) => {
      const matrix = svg.getScreenCTM();
      if (!matrix) return;
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      activate(nearest(stops, at.x, at.y, REACH));
    });
    svg.addEventListener("click", (event) => {
      const over = event.target instanceof Element && event.target.closest("a");
      const stop = stops[active];
      if (!over && stop) location.assign(stop.link.href.baseVal);
    });
    svg.addEventListener("focusin", (event) => {
      activate(stops.findIndex(({ link }) => link === event.target));
    });
    svg.addEventListener("keydown", (event) => {
      const here = stops[active];
      const step = STEPS[event.key];
      if (!here || !step) return;
      event.preventDefault();
      stops[inDirection(stops, here, step[0], step[1])]?.link.focus();
    });
  });
}

const STEPS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function show(map: HTMLElement, link: SVGAElement): void {
  const image = map.querySelector<HTMLImageElement>("[data-map-image]");
  const text = map.querySelector<HTMLElement>("[data-map-text]");
  const { name = "", picture } = link.dataset;
  if (image && picture) image.src = picture;
  if (!text) return;
  const title = document.createElement("b");
  title.textContent = name;
  text.replaceChildren(title, `${(link.getAttribute("aria-label") ?? "").slice(name.length)}.`);
}

/** On the page of one image: where each of its concepts is. */
export function startImageMaps(): void {
  const list = document.querySelector<HTMLElement>("[data-image-maps]");
  const address = list?.dataset["imageMaps"];
  if (!list || !address) return;
  const image = Number(list.dataset["image"]);
  loadMaps(address)
    .then((maps) => {
      list.querySelectorAll<HTMLCanvasElement>("canvas").forEach((canvas) => {
        const { row, css = "c-none" } = canvas.dataset;
        drawWhere(canvas, maps, image, Number(row), conceptColor(css));
        canvas.hidden = false;
      });
    })
    .catch(() => undefined); // the pictures alone are still right
}

/** Outline a concept in its strongest images; without the maps the pictures stay as they are. */
export function startStrongImages(): void {
  const list = document.querySelector<HTMLElement>("[data-strong]");
  const address = list?.dataset["strong"];
  if (!list || !address) return;
  loadMaps(address)
    .then((maps) => {
      list.querySelectorAll<HTMLCanvasElement>("canvas").forEach((canvas, place) => {
        if (maps.isEmpty(place, 0)) return;
        drawWhere(canvas, maps, place, 0, conceptColor("c0"));
        canvas.hidden = false;
      });
    })
    .catch(() => undefined);
}
