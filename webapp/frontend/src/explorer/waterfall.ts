// The waterfall of one image: pointing at a row lights where that concept is in the picture.

import { conceptColor, drawWhere, loadMaps } from "./maps";
import { remember, remembered } from "./state";

export function startWaterfall(): void {
  const table = document.querySelector<HTMLTableElement>("table.waterfall[data-maps]");
  const canvas = document.querySelector<HTMLCanvasElement>("[data-waterfall-where]");
  const address = table?.dataset["maps"];
  if (!table || !canvas || !address) return;
  const image = Number(table.dataset["image"]);
  const rows = [...table.querySelectorAll<HTMLTableRowElement>("tr[data-part]")];
  let kept: HTMLTableRowElement | null = null;

  const show = (row: HTMLTableRowElement | null): void => {
    rows.forEach((other) => other.classList.toggle("is-active", other === row));
    canvas.hidden = true;
    if (!row) return;
    loadMaps(address)
      .then((maps) => {
        if (!row.classList.contains("is-active")) return;
        const { part: number, css = "c-none" } = row.dataset;
        drawWhere(canvas, maps, image, Number(number), conceptColor(css));
        canvas.hidden = false;
      })
      .catch(() => undefined); // the picture alone is still right
  };
  const keep = (row: HTMLTableRowElement | null): void => {
    kept = row;
    rows.forEach((other) => other.classList.toggle("is-pinned", other === row));
    remember("part", row?.dataset["part"] ?? null);
    show(row);
  };
  for (const row of rows) {
    row.addEventListener("pointerenter", () => show(row));
    row.addEventListener("focusin", () => show(row));
    row.addEventListener("pointerleave", () => show(kept));
    row.addEventListener("focusout", () => show(kept));
    row.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("a")) return;
      keep(kept === row ? null : row);
    });
  }
  const wanted = rows.find((row) => row.dataset["part"] === remembered("part"));
  if (wanted) keep(wanted);
}
