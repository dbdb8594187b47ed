// Maps of all concepts and all classes: the dot nearest to the pointer is shown beside the map, arrow
// keys walk from dot to dot, the address remembers which one it was.

import { Scatter } from "./scatter";
import { remember, remembered } from "./state";

export function startAtlasMaps(): void {
  document.querySelectorAll<HTMLElement>("[data-atlas-map]").forEach((map) => {
    const svg = map.querySelector<SVGSVGElement>(".atlas-map");
    if (!svg) return;
    const name = svg.dataset["scatter"] ?? "map";
    const dots = new Scatter(svg, name);
    const link = (place: number): SVGAElement | undefined =>
      dots.element(place) as SVGAElement | undefined;
    let active = -1;
    const activate = (place: number): void => {
      const dot = link(place);
      if (place === active || !dot) return;
      link(active)?.classList.remove("is-active");
      link(active)?.setAttribute("tabindex", "-1");
      active = place;
      dot.classList.add("is-active");
      dot.setAttribute("tabindex", "0");
      show(map, dot);
    };
    const keep = (): void => remember(`at-${name}`, link(active)?.dataset["name"] ?? null);
    for (let i = 0; i < dots.length; i++) link(i)?.setAttribute("tabindex", "-1");
    activate(Math.max(0, named(dots, remembered(`at-${name}`))));
    svg.addEventListener("pointermove", (event) => activate(dots.near(event)));
    svg.addEventListener("click", (event) => {
      const over = event.target instanceof Element && event.target.closest("a");
      const dot = link(dots.near(event));
      keep(); // who comes back finds the map as it was
      if (!over && dot) location.assign(dot.href.baseVal);
    });
    svg.addEventListener("focusin", (event) => {
      const place = dots.placeOf(event.target);
      dots.reveal(place);
      activate(place);
      keep();
    });
    svg.addEventListener("keydown", (event) => {
      if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
      link(dots.step(active, event.key))?.focus();
    });
  });
}

function named(dots: Scatter, name: string | null): number {
  for (let i = 0; name !== null && i < dots.length; i++)
    if (dots.element(i)?.dataset["name"] === name) return i;
  return -1;
}

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
