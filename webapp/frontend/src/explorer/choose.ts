// The boxes where two classes are chosen: names offered while one types, and in a site of files the
// way to the page of the two, for want of a server that finds it.

import { searchClasses, type ClassEntry } from "./rank";
import { loadClasses, type Site } from "./site";

const OFFERED = 8;
const VERSUS = /\s+(?:vs\.?|versus|against|or)\s+/i;

export function startChoose(site: Site): void {
  const form = document.querySelector<HTMLFormElement>("form[data-choose]");
  if (!form) return;
  form.querySelectorAll("input").forEach((input, place) => {
    const list = document.createElement("datalist");
    list.id = `choose-${place}`;
    input.after(list);
    input.setAttribute("list", list.id);
    input.addEventListener("input", () => {
      loadClasses(site)
        .then((classes) => {
          const found = searchClasses(classes, input.value, OFFERED);
          list.replaceChildren(...found.map(({ entry }) => new Option("", entry.name)));
        })
        .catch(() => undefined); // the server finds the name all the same
    });
  });
  if (site.suffix) startHere(form, site);
}

/** The classes that two queries mean, or what is wrong with them; as webapp/explorer/pair_page.py. */
export function chosenPair(classes: ClassEntry[], queries: readonly [string, string]): [number, number] | string {
  const ids: number[] = [];
  for (const query of queries) {
    if (!query.trim()) return "Name two classes.";
    const found = searchClasses(classes, query, 1)[0];
    if (!found) return `No class is called anything like “${query.trim()}”.`;
    ids.push(found.entry.id);
  }
  const [first, second] = ids as [number, number];
  if (first !== second) return [first, second];
  const name = classes.find(({ id }) => id === first)?.name;
  return `Both names mean ${name}: choose another class to compare it with.`;
}

/** The two queries of a search like ``husky vs wolf``; null if it is no such search. */
export function askedVersus(query: string): [string, string] | null {
  const parts = query.trim().split(VERSUS);
  return parts.length === 2 ? (parts as [string, string]) : null;
}

/** In a site of files: pages that are there, else the one that puts any two classes together. */
function startHere(form: HTMLFormElement, site: Site): void {
  const [first, second] = [...form.querySelectorAll("input")];
  const message = document.querySelector<HTMLElement>("[data-choose-message]");
  if (!first || !second || !message) return;
  form.hidden = false;
  const asked = new URLSearchParams(location.search);
  const go = async (): Promise<void> => {
    const classes = await loadClasses(site);
    const named = (query: string): string => classes.find(({ id }) => String(id) === query)?.name ?? query;
    first.value = named(first.value);
    second.value = named(second.value);
    if (!first.value || !second.value) return;
    const found = chosenPair(classes, [first.value, second.value]);
    message.hidden = typeof found !== "string";
    if (typeof found === "string") message.textContent = found;
    else location.assign(pairAddress(form, site, found));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void go();
  });
  first.value = asked.get("a") ?? "";
  second.value = asked.get("b") ?? "";
  void go().catch(() => undefined);
}

function pairAddress(form: HTMLFormElement, site: Site, [a, b]: readonly [number, number]): string {
  const pages = [`${a}/${b}`, `${b}/${a}`].map((pair) => new URL(`${site.root}compare/${pair}${site.suffix}`, location.href).href);
  const there = new Set([...document.querySelectorAll<HTMLAnchorElement>("a.pair-tile")].map((tile) => tile.href));
  const page = pages.find((address) => there.has(address));
  return page ?? `${form.dataset["choose"]}#${a}/${b}`;
}
