// Answers that are typed, with or without a list of words; and exhibits that are only looked at.

import { element } from "../dom";
import { type Control } from "./choice-response";
import { accepted, MOST_CHARACTERS, suggestions, type Wanted } from "./choice-words";
import { type Decision } from "./trial";

/** A text, or a word of a vocabulary (a combobox with a list, after the ARIA practices). */
export class Typed implements Control {
  readonly root: HTMLElement;
  onAnswer: (decision: Decision) => void = () => undefined;
  private readonly field: HTMLInputElement;
  private readonly send: HTMLButtonElement;
  private readonly list: HTMLElement | null;
  private readonly note = element("p", { class: "note", role: "status" });
  private at = -1;

  constructor(private readonly wanted: Extract<Wanted, { kind: "text" | "vocabulary" }>) {
    const listed = wanted.kind === "vocabulary";
    const word = wanted.kind === "text" && wanted.optional ? "Next" : "Answer";
    this.send = element("button", { type: "submit", class: "primary", disabled: true }, word);
    this.field = element("input", {
      type: "text",
      "aria-labelledby": "question",
      placeholder: wanted.hint || null,
      maxlength: MOST_CHARACTERS,
      autocomplete: "off",
      spellcheck: "false",
      disabled: true,
      ...(listed
        ? { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "words" }
        : {}),
    });
    this.list = listed
      ? element("ul", { id: "words", role: "listbox", "aria-label": "Words", hidden: true })
      : null;
    const row = element("div", { class: "row" }, this.field, this.send);
    const form = element("form", { class: "typed", novalidate: true }, row, this.list, this.note);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit(event.timeStamp);
    });
    this.field.addEventListener("input", () => this.offer());
    this.field.addEventListener("keydown", (event) => this.onKey(event));
    this.field.addEventListener("blur", () => this.fold());
    this.root = form;
  }

  open(): void {
    this.field.disabled = this.send.disabled = false;
    this.field.focus();
  }

  close(): void {
    this.fold();
    this.field.disabled = this.send.disabled = true;
  }

  private submit(at: number): void {
    const text = accepted(this.wanted, this.field.value);
    if (text === null) {
      this.note.textContent =
        this.field.value.trim() === "" ? "Please type an answer." : "Please choose a word of the list.";
      this.field.focus();
      return;
    }
    this.note.textContent = "";
    this.field.value = text;
    this.fold();
    // What follows is answered by keys, which must not end up in the text.
    this.field.blur();
    this.onAnswer({ response: { text }, at });
  }

  private get items(): HTMLElement[] {
    return [...(this.list?.children ?? [])] as HTMLElement[];
  }

  /** Show the words that fit. */
  private offer(): void {
    if (this.list === null || this.wanted.kind !== "vocabulary") return;
    const found = suggestions(this.wanted.words, this.field.value);
    const items = found.map((word, i) => {
      const item = element("li", { id: `word-${i}`, role: "option", "aria-selected": "false" }, word);
      // On the press: a click would come after the field has lost the focus.
      item.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.take(word);
      });
      return item;
    });
    this.list.replaceChildren(...items);
    this.point(-1);
    this.list.hidden = items.length === 0;
    this.field.setAttribute("aria-expanded", String(items.length > 0));
  }

  private fold(): void {
    if (this.list === null) return;
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.point(-1);
  }

  private take(word: string): void {
    this.field.value = word;
    this.fold();
  }

  private point(to: number): void {
    this.at = to;
    this.items.forEach((item, i) => item.setAttribute("aria-selected", String(i === to)));
    if (to < 0) this.field.removeAttribute("aria-activedescendant");
    else this.field.setAttribute("aria-activedescendant", `word-${to}`);
  }

  private onKey(event: KeyboardEvent): void {
    if (this.list === null) return;
    const open = !this.list.hidden;
    const n = this.items.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) {
        this.offer();
        return;
      }
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.point(this.at < 0 && step < 0 ? n - 1 : (this.at + step + n) % n);
    } else if (event.key === "Enter" && open && this.at >= 0) {
      event.preventDefault();
      this.take(this.items[this.at]?.textContent ?? "");
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      this.fold();
    }
  }
}

/** Nothing to answer: go on, once it has been looked at for long enough. */
export class Exhibit implements Control {
  readonly root: HTMLElement;
  onAnswer: (decision: Decision) => void = () => undefined;
  private readonly button: HTMLButtonElement;
  private timer = 0;

  constructor(private readonly wanted: Extract<Wanted, { kind: "continue" }>) {
    this.button = element("button", { type: "button", class: "primary", disabled: true }, wanted.button || "Next");
    this.button.addEventListener("click", (event) => this.onAnswer({ response: {}, at: event.timeStamp }));
    this.root = element("div", { class: "exhibit" }, this.button);
  }

  open(): void {
    this.timer = window.setTimeout(() => {
      this.button.disabled = false;
      this.button.focus();
    }, this.wanted.min_view_ms);
  }

  close(): void {
    window.clearTimeout(this.timer);
    this.button.disabled = true;
  }
}
