// The elements of a trial of kind "choice": question, panels, the picture asked about, the answer.
// Everything has its place from the start; pictures are laid out but not visible until `reveal`.

import { element } from "../dom";
import { type Response, responseFor } from "./choice-response";
import { gridColumns, type Option, type Panel, type Query, type Wanted } from "./choice-words";
import { type Confidence, verdictText } from "./choice-words";
import { framed } from "./pictures";
import { type Decision, type TrialView } from "./trial";

export interface Shown {
  question: string;
  panels: readonly Panel[];
  query: Query;
  options: readonly Option[];
  wanted: Wanted;
  confidence: Confidence;
}

export class ChoiceView implements TrialView {
  readonly root: HTMLElement;
  readonly images: HTMLImageElement[] = [];
  private readonly response: Response;
  private readonly result = element("p", { class: "result", role: "status" });

  constructor(shown: Shown) {
    const panels = shown.panels.map((panel) => this.panel(panel));
    this.response = responseFor(shown, (urls) => this.grid(urls));
    this.root = element(
      "section",
      { class: "choice waiting" },
      element("h1", { class: "question", id: "question" }, shown.question),
      panels.length > 0 ? element("div", { class: "panels" }, ...panels) : null,
      this.query(shown.query),
      this.response.root,
      this.result,
    );
  }

  reveal(): void {
    this.root.classList.remove("waiting");
    this.response.open();
  }

  decision(): Promise<Decision> {
    return this.response.decision();
  }

  judge(correct: boolean, message: string): void {
    this.root.querySelector(":is(.pick, .option).chosen")?.classList.add(correct ? "right" : "wrong");
    this.result.className = `result ${correct ? "right" : "wrong"}`;
    this.result.textContent = verdictText(correct, message);
  }

  private panel(panel: Panel): HTMLElement {
    const pictures = this.grid(panel.pictures, panel.label || "Picture");
    if (panel.folded) {
      const name = panel.label || "Examples";
      return element("details", { class: "panel" }, element("summary", {}, name), pictures);
    }
    return element(
      "section",
      { class: "panel", "aria-label": panel.label || null },
      panel.label === "" ? null : element("h2", {}, panel.label),
      pictures,
    );
  }

  private query({ picture, caption }: Query): HTMLElement | null {
    if (picture === "" && caption === "") return null;
    const text = caption === "" ? null : element("figcaption", {}, caption);
    if (picture === "") return element("figure", { class: "query" }, text);
    const { frame, image } = framed(picture, "The picture that is asked about");
    this.images.push(image);
    return element("figure", { class: "query" }, frame, text);
  }

  /** Pictures in a grid; without a name, something else says what they are. */
  private grid(urls: readonly string[], name = ""): HTMLElement {
    const frames = urls.map((url, i) => {
      const alt = name === "" ? "" : `${name}, ${i + 1} of ${urls.length}`;
      const { frame, image } = framed(url, alt);
      this.images.push(image);
      return frame;
    });
    const columns = gridColumns(urls.length);
    const grid = element("span", { class: "pictures", "data-columns": columns }, ...frames);
    grid.style.setProperty("--columns", String(columns));
    return grid;
  }
}
