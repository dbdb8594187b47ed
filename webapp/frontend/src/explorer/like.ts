// In a site of files: what is like the concept that the address names, read from the class's file.

interface Near {
  name: string;
  where: string;
  css: string;
  link: string;
  like: string | null;
  picture: string;
  text: string;
}

interface Searched extends Omit<Near, "like" | "text"> {
  id: string;
  near: Near[];
}

/** ``#310/concepts-3``, or ``#all/concepts-3`` for what all classes share: its id and its file. */
export function askedConcept(hash: string): { file: string; concept: string } | null {
  const found = /^#(\d+|all)\/([^/]+)$/.exec(hash);
  if (!found) return null;
  const [, of = "", name = ""] = found;
  return { file: of === "all" ? `all/${name}.json` : `${of}.json`, concept: decodeURIComponent(name) };
}

export function startLike(): void {
  const section = document.querySelector<HTMLElement>("[data-like]");
  if (!section) return;
  const show = (): void => void showAsked(section).catch(() => undefined);
  addEventListener("hashchange", show);
  show();
}

async function showAsked(section: HTMLElement): Promise<void> {
  const asked = askedConcept(location.hash);
  const title = section.querySelector<HTMLElement>("[data-like-title]");
  const list = section.querySelector<HTMLElement>("[data-like-list]");
  if (!asked || !title || !list) return;
  const { like, version } = section.dataset;
  const response = await fetch(`${like}${asked.file}?v=${version}`);
  const { concepts } = (await response.json()) as { concepts: Searched[] };
  const record = concepts.find((one) => one.id === asked.concept);
  if (!record) return;
  const own = document.createElement("a");
  own.href = record.link;
  own.textContent = record.name.toLowerCase() + (record.where ? ` of ${record.where}` : "");
  title.replaceChildren("Everything like ", own);
  const grid = document.createElement("ol");
  grid.className = "near";
  grid.append(...record.near.map(entry));
  list.replaceChildren(grid);
  section.hidden = false;
  section.scrollIntoView({ block: "start" });
}

function entry(near: Near): HTMLLIElement {
  const item = document.createElement("li");
  item.className = `near-one ${near.css}`;
  const link = document.createElement("a");
  link.className = "near-link";
  link.href = near.link;
  const picture = element("span", "picture");
  if (near.picture) {
    const image = document.createElement("img");
    image.src = near.picture;
    image.alt = `${near.name}, ${near.where}`;
    image.loading = "lazy";
    image.width = image.height = 256;
    picture.append(image);
  }
  const name = element("span", "near-name");
  name.append(element("span", "swatch"), near.where);
  const text = element("span", "near-text");
  text.append(name, element("span", "soft", near.name));
  link.append(picture, text);
  const value = element("p", "near-value");
  value.append(element("b", "", near.text));
  if (near.like) {
    const on = document.createElement("a");
    on.href = near.like;
    on.textContent = "like it";
    value.append(" ", on);
  }
  item.append(link, value);
  return item;
}

function element(tag: string, css: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  if (css) made.className = css;
  if (text) made.textContent = text;
  return made;
}
