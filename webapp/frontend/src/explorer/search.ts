// The search box as a combobox: a list of classes opens as one types; arrows choose, Enter goes.

import { askedVersus, chosenPair } from "./choose";
import { searchClasses, type Found } from "./rank";
import { classAddress, loadClasses, type Site } from "./site";

export function startSearch(site: Site): void {
  const form = document.querySelector<HTMLFormElement>("form[data-search]");
  const input = form?.querySelector("input");
  const list = form?.querySelector<HTMLUListElement>(".search-list");
  const status = form?.querySelector<HTMLElement>("[data-search-status]");
  if (!form || !input || !list || !status) return;

  let found: Found[] = [];
  let active = -1;
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");

  const close = (): void => {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const activate = (next: number): void => {
    active = next;
    [...list.children].forEach((option, place) => {
      option.setAttribute("aria-selected", String(place === active));
      if (place === active) option.scrollIntoView({ block: "nearest" });
    });
    if (active >= 0) input.setAttribute("aria-activedescendant", `search-option-${active}`);
    else input.removeAttribute("aria-activedescendant");
  };
  const go = (place: number): void => {
    const chosen = found[place];
    if (chosen) location.assign(classAddress(site, chosen.entry.id));
  };
  const update = async (): Promise<void> => {
    const query = input.value;
    if (query.trim() === "") {
      found = [];
      status.textContent = "";
      close();
      return;
    }
    try {
      const classes = await loadClasses(site);
      if (input.value !== query) return;
      found = searchClasses(classes, query);
    } catch {
      close(); // without the index, Enter still asks the server
      return;
    }
    list.replaceChildren(
      ...(found.length ? found.map((item, place) => optionFor(item, place, query)) : []),
    );
    status.textContent = found.length
      ? `${found.length} ${found.length === 1 ? "class" : "classes"} found`
      : "No class found";
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(found.length > 0));
    activate(found.length ? 0 : -1);
  };

  input.addEventListener("input", () => void update());
  input.addEventListener("focus", () => void loadClasses(site).catch(() => undefined));
  input.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) void update();
      else {
        const step = event.key === "ArrowDown" ? 1 : -1;
        activate((active + step + found.length) % found.length);
      }
    } else if (event.key === "Enter" && open && active >= 0) {
      event.preventDefault();
      go(active);
    } else if (event.key === "Escape") {
      if (open) close();
      else input.value = "";
      event.preventDefault();
    }
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // keep the focus
  list.addEventListener("click", (event) => {
    const option = (event.target as Element).closest(".search-option");
    if (option) go([...list.children].indexOf(option));
  });
  form.addEventListener("focusout", (event) => {
    if (!form.contains(event.relatedTarget as Node | null)) close();
  });
  document.addEventListener("keydown", (event) => {
    const typing = (event.target as Element).closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
      input.select();
    }
  });
}

function optionFor(item: Found, place: number, query: string): HTMLLIElement {
  const option = document.createElement("li");
  option.className = "search-option";
  option.id = `search-option-${place}`;
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "false");
  const name = document.createElement("span");
  name.append(...marked(item.entry.name, query));
  option.append(name);
  if (item.by) {
    const also = document.createElement("span");
    also.className = "also";
    also.append(...marked(item.by, query));
    option.append(also);
  }
  const number = document.createElement("span");
  number.className = "number";
  number.textContent = String(item.entry.id);
  option.append(number);
  return option;
}

function marked(text: string, query: string): (Node | string)[] {
  const at = text.toLowerCase().indexOf(query.trim().toLowerCase());
  if (at < 0) return [text];
  const mark = document.createElement("mark");
  const end = at + query.trim().length;
  mark.textContent = text.slice(at, end);
  return [text.slice(0, at), mark, text.slice(end)];
}

/** A random class, also in a static site where no server could choose one. */
export function startRandom(site: Site): void {
  document.querySelectorAll<HTMLAnchorElement>("a[data-random]").forEach((link) => {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      loadClasses(site)
        .then((classes) => {
          const chosen = classes[Math.floor(Math.random() * classes.length)];
          if (chosen) location.assign(classAddress(site, chosen.id));
        })
        .catch(() => location.assign(link.href));
    });
  });
}

/** In a static site the list of classes answers ?q= here, for want of a server. */
export async function filterList(site: Site): Promise<void> {
  const list = document.querySelector("[data-class-list]");
  const query = new URLSearchParams(location.search).get("q")?.trim();
  if (!list || !query || !site.suffix) return;
  const classes = await loadClasses(site);
  const pair = askedVersus(query);
  if (pair && typeof chosenPair(classes, pair) !== "string") {
    location.replace(`${site.root}compare${site.suffix}?${new URLSearchParams({ a: pair[0], b: pair[1] })}`);
    return;
  }
  const tiles = [...list.querySelectorAll<HTMLAnchorElement>("a.tile")];
  const byAddress = new Map(tiles.map((tile) => [tile.href, tile]));
  const found = searchClasses(classes, query, classes.length);
  const shown = found.flatMap((item) => {
    const address = new URL(classAddress(site, item.entry.id), location.href).href;
    return byAddress.get(address) ?? [];
  });
  list.replaceChildren(...shown);
  const status = document.querySelector("[data-list-status]");
  const all = document.createElement("a");
  all.href = location.pathname;
  all.textContent = "Show all";
  status?.replaceChildren(`${shown.length} of ${classes.length} classes are called like “${query}”. `, all);
}
