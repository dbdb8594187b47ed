// Any two classes of a site of files, put together from what its files say of each: the page that a
// server would have sent. `#310/555`, or `#310/555/units` by another dictionary.

import { percent } from "./data";
import { save } from "./download";
import { field, savable } from "./tables";
import { comparedPair, type Compared, type ClassFile, type Side } from "./pairing";
import { tool } from "./tools";

interface About {
  word: string;
  shared: boolean;
  layer: string;
}

interface PageData {
  dictionaries: Record<string, About>;
  atLeast: number;
  nBars: number;
}

interface Asked {
  ids: [number, number];
  dictionary: string;
}

/** What the address asks for; null if nothing that there is. */
export function askedPair(hash: string, dictionaries: readonly string[]): Asked | null {
  const found = /^#(\d+)\/(\d+)(?:\/(.+))?$/.exec(hash);
  const dictionary = found?.[3] ? decodeURIComponent(found[3]) : dictionaries[0];
  if (!found || !dictionary || !dictionaries.includes(dictionary) || found[1] === found[2]) return null;
  return { ids: [Number(found[1]), Number(found[2])], dictionary };
}

export function startAnyPair(): void {
  const root = document.querySelector<HTMLElement>("[data-any-pair]");
  const text = document.getElementById("any-pair")?.textContent;
  if (!root || !text) return;
  const page = JSON.parse(text) as PageData;
  const show = (): void => {
    const asked = askedPair(location.hash, Object.keys(page.dictionaries));
    const none = root.querySelector<HTMLElement>("[data-any-empty]")!;
    const found = root.querySelector<HTMLElement>("[data-any-found]")!;
    none.hidden = asked !== null;
    found.hidden = true;
    if (!asked) return;
    const read = (id: number): Promise<ClassFile> =>
      fetch(`${root.dataset["anyPair"]}${id}.${encodeURIComponent(asked.dictionary)}.json?v=${root.dataset["version"]}`).then(
        (response) => {
          if (!response.ok) throw new Error(`class ${id}: ${response.status}`);
          return response.json() as Promise<ClassFile>;
        },
      );
    Promise.all(asked.ids.map(read))
      .then(([first, second]) => {
        fill(root, page, asked, [first!, second!]);
        found.hidden = false;
      })
      .catch(() => (none.hidden = false));
  };
  addEventListener("hashchange", show);
  show();
}

function fill(root: HTMLElement, page: PageData, asked: Asked, ends: [ClassFile, ClassFile]): void {
  const about = page.dictionaries[asked.dictionary]!;
  const [a, b] = ends;
  const pair = comparedPair(a, b, about.shared, page.atLeast);
  const all = (name: string): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(`[data-any-${name}]`)];
  const one = (name: string): HTMLElement => all(name)[0]!;
  const words = `${about.word.toLowerCase()}s`;
  document.title = [`${a.title} and ${b.title}`, ...document.title.split(" – ").slice(1)].join(" – ");
  const names = [a.title, b.title, a.title, b.title, a.title, b.title];
  all("title").forEach((place, i) => (place.textContent = names[i]!));
  all("end").forEach((place, i) => (place.innerHTML = ends[i]!.end));
  one("word").textContent = about.word;
  one("lead").textContent = leadOf(pair, ends, about, words);
  const turned = one("turned");
  turned.hidden = false;
  const back = turned.querySelector("a")!;
  back.href = hashOf(asked, true);
  back.textContent = `${b.title} first`;
  tabs(one("tabs"), page, asked);

  one("apart").hidden = pair.bars.length === 0;
  const bars = pair.bars.slice(0, page.nBars).sort((x, y) => y.tells - x.tells);
  one("read").textContent =
    `The ${bars.length} ${words} that tell most. A bar to the left speaks for ${a.title} and against ${b.title}, ` +
    `a bar to the right the other way: ` +
    (pair.exact
      ? `what the ${about.word.toLowerCase()} adds, on the average image of its own class, to the lead of one logit over the other.`
      : `the cosine of the ${about.word.toLowerCase()} with the difference of the two classes' hyperplanes.`);
  const largest = Math.max(...[...pair.first, ...pair.second].map((side) => Math.abs(side.tells)), 1e-9);
  one("bars").replaceChildren(...bars.map((side) => barRow(side, largest)));
  one("note").textContent =
    (about.shared ? `Importance: for ${a.title} or ${b.title}, whichever shows it, and after the stroke for the other. ` : "") +
    `Cosine: of the ${about.word.toLowerCase()} with the difference of the two classes' hyperplanes.`;
  one("save").replaceChildren();
  const table = one("bars").closest("table")!;
  root.querySelectorAll("[data-any-apart] > .figure-save").forEach((bar) => bar.remove());
  savable(table);
  tool(one("save"), `All ${words} as CSV`, `All ${words} as CSV`, () => {
    save(new Blob([csv(pair, asked.ids)], { type: "text/csv" }), `${asked.ids.join("-")}-${asked.dictionary}.csv`);
  }).className = "copy";

  one("shared").textContent = pair.matches.length === 0
    ? `Nothing: no two ${words} have a cosine of ${page.atLeast.toFixed(2)} or more.`
    : about.shared
      ? `The same ${about.word.toLowerCase()} of the one dictionary, important for both.`
      : `Each line holds two ${words} that point the same way inside the model, matched one to one; 1 would be the same direction.`;
  one("matches").replaceChildren(...pair.matches.map(({ left, right, likeness }) => {
    const item = document.createElement("li");
    item.className = "match";
    item.innerHTML = `${pair.first[left]!.concept.side}<p class="match-value"><b>${number(likeness)}</b><span class="soft">${about.shared ? "the same" : "cosine"}</span></p>${pair.second[right]!.concept.side}`;
    return item;
  }));
  all("only").forEach((section, i) => {
    const alone = i === 0 ? pair.firstAlone : pair.secondAlone;
    section.hidden = alone.length === 0;
    section.querySelector(".cards")!.innerHTML = alone.map((side) => side.concept.card).join("");
  });
}

function leadOf(pair: Compared, [a, b]: [ClassFile, ClassFile], about: About, words: string): string {
  const n = pair.matches.length;
  const word = about.word.toLowerCase();
  const alone = pair.firstAlone.length || pair.secondAlone.length
    ? `; ${pair.firstAlone.length} of ${a.title} and ${pair.secondAlone.length} of ${b.title} have none`
    : "";
  const both = about.shared
    ? `Of the ${words} that ${a.title} and ${b.title} show, ${n}\u00a0${n === 1 ? "stands" : "stand"} among the most important of both.`
    : n === 0
      ? `No ${word} of ${a.title} has a counterpart in ${b.title}${alone}.`
      : `${n}\u00a0${n === 1 ? `${word} of ${a.title} has` : `${words} of ${a.title} have`} a counterpart in ${b.title}${alone}.`;
  return pair.likeness === null ? both : `${both} The two hyperplanes have a cosine of ${number(pair.likeness)}.`;
}

function tabs(place: HTMLElement, page: PageData, asked: Asked): void {
  const names = Object.entries(page.dictionaries);
  place.hidden = names.length < 2;
  const layers = new Set(names.map(([, about]) => about.layer)).size > 1;
  place.replaceChildren(...names.map(([id, about]) => {
    const link = document.createElement("a");
    link.href = hashOf({ ...asked, dictionary: id }, false);
    link.textContent = `${about.shared ? "Shared " : ""}${about.word}s${layers ? ` of ${about.layer}` : ""}`;
    if (id === asked.dictionary) link.setAttribute("aria-current", "true");
    return link;
  }));
}

function hashOf({ ids, dictionary }: Asked, turned: boolean): string {
  const [first, second] = turned ? [ids[1], ids[0]] : ids;
  return `#${first}/${second}/${encodeURIComponent(dictionary)}`;
}

function barRow(side: Side, largest: number): HTMLTableRowElement {
  const row = document.createElement("tr");
  row.className = side.concept.css;
  const width = (50 * side.tells) / largest;
  const other = side.elsewhere === null ? "" : ` <span class="soft">/ ${percent(side.elsewhere)}</span>`;
  row.innerHTML =
    `<th scope="row">${side.concept.name}</th>` +
    `<td class="apart-bar"><svg viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true"><rect x="${width > 0 ? 50 - width : 50}" y="1" width="${Math.abs(width)}" height="12"/><line x1="50" x2="50" y1="0" y2="14"/></svg></td>` +
    `<td class="number">${side.margin === null ? "–" : number(Math.abs(side.margin))}</td>` +
    `<td class="number">${number(Math.abs(side.separation ?? 0))}</td>` +
    `<td class="number">${percent(side.concept.importance)}${other}</td>`;
  return row;
}

function number(value: number): string {
  const text = value.toFixed(2).replace("-", "\u2212");
  return text === "\u22120.00" ? "0.00" : text;
}

/** As a server's table of two classes. */
function csv(pair: Compared, ids: readonly [number, number]): string {
  const heads = ["class_id", "concept_id", "importance", "importance_for_other", "cosine_with_difference", "margin", "matched_concept_id", "matched_cosine"];
  const lines = [heads.join(",")];
  [pair.first, pair.second].forEach((sides, end) => {
    sides.forEach((side, place) => {
      const found = pair.matches.find((one) => (end === 0 ? one.left : one.right) === place);
      const partner = found && (end === 0 ? pair.second[found.right] : pair.first[found.left]);
      const values = [ids[end], side.concept.id, side.concept.importance, side.elsewhere, side.separation, side.margin, partner?.concept.id, found?.likeness];
      lines.push(values.map((value) => (value === null || value === undefined ? "" : field(String(value)))).join(","));
    });
  });
  return `${lines.join("\n")}\n`;
}
