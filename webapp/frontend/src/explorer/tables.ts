// What tables can do: order their rows by a column, and be saved as numbers and, where they are drawn
// as bars, as figures. The address remembers the order.

import { barChart, waterfall, type Bar, type Colors } from "./barchart";
import { raster, save } from "./download";
import { remember, remembered } from "./state";
import { tool } from "./tools";

export function startTables(): void {
  document.querySelectorAll<HTMLTableElement>("table.numbers").forEach(sortable);
  document
    .querySelectorAll<HTMLTableElement>("table.bars, table.waterfall, table.numbers, table.apart")
    .forEach(savable);
  document.querySelectorAll<HTMLElement>("figure.share").forEach(savableShares);
}

/** Heads become buttons; `?sort=SECTION:COLUMN:desc`. Rows under the line stay where they are. */
function sortable(table: HTMLTableElement): void {
  const heads = [...table.querySelectorAll<HTMLTableCellElement>("thead th")];
  const body = table.tBodies[0];
  if (!body || body.rows.length < 3) return;
  const name = table.closest("section[aria-labelledby]")?.getAttribute("aria-labelledby") ?? "";
  const first = [...body.rows];
  const order = (column: number, down: boolean): void => {
    const key = (row: HTMLTableRowElement): string => row.cells[column]?.textContent?.trim() ?? "";
    const sign = down ? -1 : 1;
    body.append(...[...first].sort((a, b) => sign * compare(key(a), key(b))));
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  };
  heads.forEach((head, column) => {
    const text = head.textContent?.trim() ?? "";
    head.replaceChildren();
    tool(head, text, `Order by ${text.toLowerCase()}`, () => {
      const down = head.getAttribute("aria-sort") !== "descending" && column > 0;
      order(column, down);
      remember("sort", `${name}:${column}:${down ? "desc" : "asc"}`);
    }).className = "sort";
  });
  const [wanted, column, way] = (remembered("sort") ?? "").split(":");
  if (wanted === name && heads[Number(column)]) order(Number(column), way === "desc");
}

/** Numbers by their size, what is no number last and by the alphabet. */
export function compare(a: string, b: string): number {
  const [x, y] = [number(a), number(b)];
  if (Number.isNaN(x) && Number.isNaN(y))
    return a.localeCompare(b, "en", { numeric: true, sensitivity: "base" });
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
  return x - y;
}

/** A number as the page writes it: a real minus, a percent sign after a hard space. */
export function number(text: string): number {
  const plain = text.replace("\u2212", "-").replace("+", "").replace(/[\s\u00a0,%]/g, "");
  return /^-?\d*\.?\d+$/.test(plain) ? Number(plain) : NaN;
}

export function savable(table: HTMLTableElement): void {
  const bar = saveBar();
  const title = titleOf(table);
  if (readBars(table).length > 1) charts(bar, title, axisOf(table), () => readBars(table), table);
  // The server's own file is more exact.
  const better = table.matches(".numbers, .apart") && table.closest("section")?.querySelector("a[download], [data-any-save]");
  if (!better) tool(bar, "CSV", "Save the table as CSV", () => {
    save(new Blob([csv(table)], { type: "text/csv" }), `${fileName(title)}.csv`);
  });
  if (bar.childElementCount) (table.closest(".scroll") ?? table).after(bar);
}

/** The bar of shares, as a figure with a line for each piece. */
function savableShares(figure: HTMLElement): void {
  const bar = saveBar();
  const title = `${document.title.split(" – ")[0]}, shares of the logit`;
  charts(bar, title, "share of the logit, %", () => readShares(figure), figure);
  figure.append(bar);
}

function saveBar(): HTMLDivElement {
  const bar = document.createElement("div");
  bar.className = "figure-save";
  return bar;
}

function fileName(title: string): string {
  return title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
}

function charts(bar: HTMLElement, title: string, axis: string, read: () => Bar[], place: HTMLElement): void {
  const chart = (): SVGSVGElement => barChart(title, axis, read(), colors(place));
  const text = (): string => new XMLSerializer().serializeToString(chart());
  tool(bar, "SVG", "Save the figure as SVG", () => {
    save(new Blob([text()], { type: "image/svg+xml" }), `${fileName(title)}.svg`);
  });
  tool(bar, "PNG", "Save the figure as PNG", () => {
    const { width, height } = chart().viewBox.baseVal;
    void raster(text(), width, height).then((picture) => save(picture, `${fileName(title)}.png`));
  });
}

/** What the table shows, as text with commas; cells that only draw are left out. */
export function csv(table: HTMLTableElement): string {
  const drawn = (cell: HTMLTableCellElement): boolean => cell.querySelector("svg") !== null && !cell.textContent?.trim();
  const columns = new Set<number>();
  for (const row of table.tBodies[0]?.rows ?? [])
    [...row.cells].forEach((cell, i) => drawn(cell) && columns.add(i));
  const lines = [...table.rows].map((row) =>
    [...row.cells]
      .filter((cell, i) => !columns.has(i) && cell.colSpan === 1)
      .map((cell) => field(cell.textContent ?? "")),
  );
  return `${lines.map((line) => line.join(",")).join("\n")}\n`;
}

/** A field as spreadsheets read it; a share is written as one, and nothing becomes a formula. */
export function field(text: string): string {
  const plain = text.trim().replace(/\s+/g, " ");
  const value = number(plain);
  if (!Number.isNaN(value))
    return String(plain.includes("%") ? Number((value / 100).toPrecision(12)) : value);
  const safe = /^[=+\-@\t]/.test(plain) ? `'${plain}` : plain;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function readShares(figure: HTMLElement): Bar[] {
  return [...figure.querySelectorAll<SVGRectElement>(".share-piece")].map((piece) => {
    const [label = "", text = ""] = (piece.querySelector("title")?.textContent ?? "").split(/: (?=[^:]*$)/);
    return { label, value: number(text), text, color: getComputedStyle(piece).fill, from: 0 };
  });
}

/** What tells two classes apart: to the left what speaks for the first. */
function readApart(table: HTMLTableElement): Bar[] {
  return [...(table.tBodies[0]?.rows ?? [])].map((row) => {
    const mark = row.querySelector<SVGRectElement>(".apart-bar rect");
    const size = number(row.querySelector("td.number")?.textContent?.trim() ?? "");
    const value = Number(mark?.getAttribute("x")) < 50 ? -size : size;
    const label = [...row.querySelectorAll(".apart-name .soft, .apart-concept")].map((part) => part.textContent?.trim()).join(", ");
    return { label, value, text: value.toFixed(2).replace("-", "\u2212"), color: mark ? getComputedStyle(mark).fill : "#888", from: 0 };
  });
}

function readBars(table: HTMLTableElement): Bar[] {
  if (table.matches(".numbers")) return [];
  if (table.matches(".apart")) return readApart(table);
  const read = (row: HTMLTableRowElement): Omit<Bar, "from"> => {
    const text = row.querySelector("td.number")?.textContent?.trim() ?? "";
    const mark = row.querySelector(".bar-fill, .fall-bar, .fall-total");
    return {
      label: row.querySelector("th")?.textContent?.trim() ?? "",
      value: number(text),
      text,
      color: mark ? getComputedStyle(mark).fill : "#888",
    };
  };
  const rows = [...(table.tBodies[0]?.rows ?? [])].map(read).filter((bar) => !Number.isNaN(bar.value));
  const total = table.matches(".waterfall") ? table.tFoot?.rows[0] : undefined;
  return total ? waterfall(rows, read(total)) : rows.map((bar) => ({ ...bar, from: 0 }));
}

function titleOf(table: HTMLTableElement): string {
  const page = document.title.split(" – ")[0] ?? "";
  const within = table.caption?.textContent?.trim();
  const around = table.closest("section")?.querySelector("h2, h3, h4")?.textContent?.trim();
  return within || [page, around].filter(Boolean).join(", ");
}

function axisOf(table: HTMLTableElement): string {
  if (table.matches(".waterfall")) return "of the logit";
  if (table.matches(".apart")) return table.tHead?.textContent?.includes("Lead") ? "lead over the other class, the first to the left" : "cosine with the difference, the first to the left";
  return table.matches(".shares") ? "share of the logit, %" : "cosine";
}

function colors(table: HTMLElement): Colors {
  const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return {
    ink: token("--ink"),
    soft: token("--ink-soft"),
    line: token("--line-strong"),
    surface: token("--surface"),
    font: getComputedStyle(table).fontFamily,
  };
}
