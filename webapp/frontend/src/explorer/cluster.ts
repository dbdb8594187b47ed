// The cluster graph: pointing at a dot shows its image, a click keeps it, Enter opens its concept.

import { imageAddress, percent, pictureAddress, type ClassData, type ConceptData } from "./data";
import { conceptColor, drawWhere, loadMaps } from "./maps";
import { Scatter } from "./scatter";
import { remember, remembered } from "./state";

export function startCluster(data: ClassData, open: (concept: string) => void): void {
  const svg = document.querySelector<SVGSVGElement>("#cluster");
  const preview = document.querySelector<HTMLElement>("[data-preview]");
  if (!svg || !preview) return;
  const dots = new Scatter(svg, "images");
  const byIndex = new Map(data.concepts.map((concept) => [concept.index, concept]));
  const conceptOf = (place: number): ConceptData | undefined => byIndex.get(data.top[place] ?? -1);
  let active = -1;
  let pinned = -1;
  let homeOfFocus = 0;

  const activate = (place: number): void => {
    if (place === active) return;
    dots.element(active)?.classList.remove("is-active");
    active = place;
    const dot = dots.element(place);
    if (!dot) return;
    dot.classList.add("is-active");
    show(preview, data, place, conceptOf(place));
  };
  const pin = (place: number): void => {
    dots.element(pinned)?.classList.remove("is-pinned");
    pinned = place;
    dots.element(place)?.classList.add("is-pinned");
    remember("image", place < 0 ? null : String(place));
    if (place >= 0) activate(place);
  };
  svg.addEventListener("pointermove", (event) => {
    const place = dots.near(event);
    if (place >= 0) activate(place);
  });
  svg.addEventListener("pointerleave", () => {
    if (pinned >= 0) activate(pinned);
  });
  svg.addEventListener("click", (event) => {
    const place = dots.near(event);
    pin(place);
    const concept = conceptOf(place);
    if (concept && event.detail > 1) open(concept.id);
  });

  const focusOn = (place: number): void => {
    dots.element(homeOfFocus)?.setAttribute("tabindex", "-1");
    homeOfFocus = place;
    const element = dots.element(place);
    element?.setAttribute("tabindex", "0");
    element?.setAttribute("role", "button");
    element?.setAttribute("aria-label", `Image ${place}, ${describe(data, place, conceptOf(place))}`);
  };
  if (dots.length) focusOn(0);
  svg.addEventListener("focusin", (event) => {
    const place = dots.placeOf(event.target);
    dots.reveal(place);
    if (place >= 0) activate(place);
  });
  svg.addEventListener("keydown", (event) => {
    const next = dots.step(homeOfFocus, event.key);
    if (event.key.startsWith("Arrow")) event.preventDefault();
    if (next >= 0) {
      focusOn(next);
      dots.element(next)?.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      pin(homeOfFocus);
      const concept = conceptOf(homeOfFocus);
      if (concept) open(concept.id);
    }
  });

  const fromAddress = (): void => {
    const wanted = remembered("image");
    const place = wanted === null ? -1 : Number(wanted);
    if (!dots.element(place)) return;
    focusOn(place);
    pin(place);
  };
  window.addEventListener("popstate", fromAddress);
  fromAddress();
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
  const address = pictureAddress(data, place);
  image.src = address;
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
      if (image.getAttribute("src") !== address) return;
      drawWhere(canvas, maps, place, concept.index, conceptColor(concept.css));
      canvas.hidden = false;
    })
    .catch(() => undefined); // the picture alone is still right
}
