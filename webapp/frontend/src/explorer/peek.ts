// Names of classes in tables: pointing at one, or coming to it by keyboard, shows a picture of it.

import { readSite } from "./site";

const SIDE_PX = 128;
const GAP_PX = 8;

/** Address of a class's first image, from the address of its page; null if it is no such page. */
export function firstImage(page: string, home: string, suffix: string, version: string): string | null {
  const start = `${home}class/`;
  if (!page.startsWith(start)) return null;
  const path = page.slice(start.length).replace(/[?#].*$/, "").replace(suffix, "");
  const found = /^(\d+)(?:\/[^/]+)?$/.exec(path);
  if (!found) return null;
  const folder = found[1]!.padStart(5, "0");
  return `${home}files/classes/${folder}/images/0000.webp${version ? `?v=${version}` : ""}`;
}

export function startPeek(): void {
  const site = readSite();
  if (!site) return;
  const home = new URL(site.root, location.href).href;
  const version = new URL(site.index, location.href).searchParams.get("v") ?? "";
  const peek = document.createElement("span");
  peek.className = "peek picture";
  peek.hidden = true;
  const image = document.createElement("img");
  image.alt = "";
  image.width = image.height = SIDE_PX;
  image.addEventListener("error", () => (peek.hidden = true));
  peek.append(image);
  document.body.append(peek);

  let shown: Element | null = null;
  const show = (event: Event): void => {
    const link = (event.target as Element).closest?.<HTMLAnchorElement>(".bars th a");
    const address = link && firstImage(link.href, home, site.suffix, version);
    if (!link || !address) return;
    image.src = address;
    const box = link.getBoundingClientRect();
    const below = box.bottom + GAP_PX + SIDE_PX < innerHeight;
    const left = Math.min(box.left, document.documentElement.clientWidth - SIDE_PX - GAP_PX);
    peek.style.left = `${left + scrollX}px`;
    peek.style.top = `${(below ? box.bottom + GAP_PX : box.top - GAP_PX - SIDE_PX) + scrollY}px`;
    peek.hidden = false;
    shown = link;
  };
  const hide = (event: Event): void => {
    // A pointer that goes away takes nothing from somebody who came by keyboard.
    if (event.type === "pointerout" && shown === document.activeElement) return;
    peek.hidden = true;
  };
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, show);
  for (const kind of ["pointerout", "focusout"]) document.addEventListener(kind, hide);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide(event);
  });
}
