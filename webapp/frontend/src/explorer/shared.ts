// Where concepts are: on the page of one image, and in the strongest images of a shared concept.

import { conceptColor, drawWhere, loadMaps } from "./maps";

/** Where the concepts of one image are, or one concept of each of several. */
export function startImageMaps(): void {
  const list = document.querySelector<HTMLElement>("[data-image-maps]");
  const address = list?.dataset["imageMaps"];
  if (!list || !address) return;
  loadMaps(address)
    .then((maps) => {
      list.querySelectorAll<HTMLCanvasElement>("canvas").forEach((canvas) => {
        const { row, css = "c-none", image = list.dataset["image"] } = canvas.dataset;
        drawWhere(canvas, maps, Number(image), Number(row), conceptColor(css));
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
