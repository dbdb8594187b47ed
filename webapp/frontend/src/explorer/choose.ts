// Names of classes offered while one types in the boxes where two are chosen.

import { searchClasses } from "./rank";
import { loadClasses, type Site } from "./site";

const OFFERED = 8;

export function startChoose(site: Site): void {
  const form = document.querySelector<HTMLFormElement>("form[data-choose]");
  form?.querySelectorAll("input").forEach((input, place) => {
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
}
