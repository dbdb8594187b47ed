// Dots that the page has drawn, brought to life with d3: the nearest one answers the pointer, arrow
// keys walk from dot to dot, two layouts change into one another, and one can look closer.

import { Delaunay } from "d3-delaunay";
import { pointer, select } from "d3-selection";
import "d3-transition";
import { zoom, zoomIdentity, type D3ZoomEvent, type ZoomBehavior, type ZoomTransform } from "d3-zoom";
import { remember, remembered } from "./state";
import { pressed, tool, toolGroup } from "./tools";

/** How far from a dot the pointer may be, in units of the figure. */
const REACH = 22;
const CLOSEST = 16;
const CHANGE_MS = 450;

export interface Point {
  x: number;
  y: number;
}

type Layout = "tsne" | "umap";

interface Spot extends Point {
  element: SVGElement;
  /** Where the page drew it. */
  drawn: Point;
  places: Record<Layout, Point>;
}

export class Scatter {
  readonly size: { width: number; height: number };
  private readonly spots: Spot[];
  private readonly marks: Spot[];
  private readonly zooming: ZoomBehavior<SVGSVGElement, unknown>;
  private layout: Layout = "tsne";
  private view: ZoomTransform = zoomIdentity;
  private index: Delaunay<Spot> | null = null;

  /** `name` is what the address calls the view of this figure. */
  constructor(
    readonly svg: SVGSVGElement,
    readonly name: string,
  ) {
    const { width, height } = svg.viewBox.baseVal;
    this.size = { width, height };
    const umap = numbers(svg.dataset["umap"]);
    this.spots = [...svg.querySelectorAll<SVGElement>("[data-dots] > *")].map((element, i) =>
      spot(element, centre(element), umap.slice(2 * i, 2 * i + 2)),
    );
    this.marks = [...svg.querySelectorAll<SVGElement>("[data-mark]")].map((element) =>
      spot(element, centre(element), numbers(element.dataset["umap"])),
    );
    this.zooming = zoom<SVGSVGElement, unknown>()
      .extent([[0, 0], [width, height]])
      .translateExtent([[0, 0], [width, height]])
      .scaleExtent([1, CLOSEST])
      .filter((event: Event) => this.wantsZoom(event))
      .on("zoom", (event: D3ZoomEvent<SVGSVGElement, unknown>) => this.look(event.transform))
      .on("end", () => this.rememberView());
    select(svg).call(this.zooming).on("dblclick.zoom", null);
    svg.classList.add("is-live");
    this.addTools(umap.length > 0);
    if (umap.length && remembered("layout") === "umap") this.show("umap", false);
    this.restoreView();
  }

  get length(): number {
    return this.spots.length;
  }

  element(place: number): SVGElement | undefined {
    return this.spots[place]?.element;
  }

  placeOf(element: EventTarget | null): number {
    return this.spots.findIndex((spot) => spot.element === element);
  }

  /** The dot nearest to the pointer; −1 if none is near. */
  near(event: PointerEvent | MouseEvent): number {
    const [x, y] = pointer(event, this.svg);
    const scale = this.svg.getScreenCTM()?.a ?? 1;
    this.index ??= Delaunay.from(this.spots, (spot) => spot.x, (spot) => spot.y);
    const place = this.spots.length ? this.index.find(x, y) : -1;
    const found = this.spots[place];
    const reach = Math.max(REACH, 22 / scale);
    return found && Math.hypot(found.x - x, found.y - y) <= reach ? place : -1;
  }

  /** The dot to go to from another with an arrow key; −1 if the key is none or there is no dot. */
  step(from: number, key: string): number {
    const here = this.spots[from];
    const way = ARROWS[key];
    return here && way ? inDirection(this.spots, here, way[0], way[1]) : -1;
  }

  /** Bring a dot that takes the focus back into sight, if one has come closer elsewhere. */
  reveal(place: number): void {
    const spot = this.spots[place];
    const { width, height } = this.size;
    if (!spot || (spot.x >= 0 && spot.x <= width && spot.y >= 0 && spot.y <= height)) return;
    const { x, y } = spot.places[this.layout];
    this.zooming.translateTo(select(this.svg), x, y);
  }

  /** Places of the other layout, or of the first again. */
  private show(layout: Layout, smooth: boolean): void {
    const before = [...this.spots, ...this.marks].map(({ x, y }) => this.view.invert([x, y]));
    this.layout = layout;
    const duration = smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches ? CHANGE_MS : 0;
    const draw = (done: number): void => {
      [...this.spots, ...this.marks].forEach((spot, i) => {
        const [x = 0, y = 0] = before[i] ?? [];
        const to = spot.places[layout];
        this.put(spot, x + done * (to.x - x), y + done * (to.y - y));
      });
      this.index = null;
    };
    if (duration) select(this.svg).transition("layout").duration(duration).tween("layout", () => draw);
    else draw(1);
  }

  private look(view: ZoomTransform): void {
    this.view = view;
    for (const spot of [...this.spots, ...this.marks]) {
      const at = spot.places[this.layout];
      this.put(spot, at.x, at.y);
    }
    this.index = null;
    this.svg.classList.toggle("is-zoomed", view.k > 1);
  }

  private put(spot: Spot, x: number, y: number): void {
    [spot.x, spot.y] = this.view.apply([x, y]);
    const [right, down] = [spot.x - spot.drawn.x, spot.y - spot.drawn.y];
    if (Math.abs(right) + Math.abs(down) < 0.05) spot.element.removeAttribute("transform");
    else spot.element.setAttribute("transform", `translate(${right.toFixed(1)} ${down.toFixed(1)})`);
  }

  /** A wheel alone scrolls the page, and so does a finger, unless one has come closer. */
  private wantsZoom(event: Event): boolean {
    if (event instanceof WheelEvent) return event.ctrlKey || event.metaKey;
    if (event instanceof MouseEvent) return this.view.k > 1 && event.button === 0;
    return this.view.k > 1 || (event as TouchEvent).touches.length > 1;
  }

  private addTools(both: boolean): void {
    const figure = this.svg.closest("figure");
    if (!figure) return;
    if (both) {
      const group = toolGroup(figure, "Layout");
      const buttons = (["tsne", "umap"] as const).map((layout) => {
        const button = tool(group, layout === "umap" ? "UMAP" : "t-SNE", LAYOUTS[layout], () => {
          this.show(layout, true);
          remember("layout", layout === "umap" ? "umap" : null);
          mark(layout);
        });
        return [layout, button] as const;
      });
      const mark = (now: Layout): void =>
        buttons.forEach(([layout, button]) => pressed(button, layout === now));
      mark(remembered("layout") === "umap" ? "umap" : "tsne");
    }
    const group = toolGroup(figure, "Zoom");
    const by = (factor: number) => () =>
      this.zooming.scaleBy(select(this.svg).transition().duration(150), factor);
    tool(group, "+", "Look closer (or Ctrl and wheel, or pinch)", by(1.8));
    tool(group, "−", "Look from further away", by(1 / 1.8));
  }

  private rememberView(): void {
    const { k, x, y } = this.view;
    const value = k > 1 ? [k.toFixed(2), x.toFixed(0), y.toFixed(0)].join(",") : null;
    remember(`view-${this.name}`, value);
  }

  private restoreView(): void {
    const [k, x, y] = (remembered(`view-${this.name}`) ?? "").split(",").map(Number);
    if (!k || k <= 1 || x === undefined || y === undefined) return;
    this.zooming.transform(select(this.svg), zoomIdentity.translate(x || 0, y || 0).scale(k));
  }
}

const LAYOUTS: Readonly<Record<Layout, string>> = {
  tsne: "Lay out by t-SNE: islands stand apart, distances between them mean little",
  umap: "Lay out by UMAP: keeps more of how islands lie to one another",
};

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function spot(element: SVGElement, drawn: Point, umap: readonly number[]): Spot {
  const [x = drawn.x, y = drawn.y] = umap;
  return { element, drawn, ...drawn, places: { tsne: drawn, umap: { x, y } } };
}

/** Where the page drew a dot, a picture in a circle, or a label. */
function centre(element: SVGElement): Point {
  const round = element.matches("circle") ? element : element.querySelector(":scope > circle");
  if (round) return { x: Number(round.getAttribute("cx")), y: Number(round.getAttribute("cy")) };
  const text = element.querySelector("text");
  return { x: Number(text?.getAttribute("x")), y: Number(text?.getAttribute("y")) };
}

function numbers(text: string | undefined): number[] {
  return text ? text.split(" ").map(Number) : [];
}

/** The dot that lies furthest in a direction's favour: near, and little to the side. */
export function inDirection(dots: readonly Point[], from: Point, dx: number, dy: number): number {
  let best = -1;
  let bestCost = Infinity;
  dots.forEach((dot, place) => {
    const along = (dot.x - from.x) * dx + (dot.y - from.y) * dy;
    const aside = Math.abs((dot.x - from.x) * dy + (dot.y - from.y) * dx);
    if (dot === from || along <= 0.5 || aside > 3 * along) return;
    const cost = along + 2.5 * aside;
    if (cost < bestCost) [best, bestCost] = [place, cost];
  });
  return best;
}

/** Figures whose dots have two layouts but no pictures of their own to show, as on the method page. */
export function startScatters(): void {
  document.querySelectorAll<SVGSVGElement>("svg[data-scatter]:not(.is-live)").forEach((svg) => {
    new Scatter(svg, svg.dataset["scatter"] ?? "");
  });
}
