// Where a concept is in an image: its map, drawn over the picture as a lit region in its colour.

/** Share of a concept's scale at which the outline runs. */
const OUTLINE = 0.3;
const VEIL = 0.62;
const SIZE = 224;

export type Box = readonly [number, number, number, number];

/** Concept maps of one class; layout in webapp/explorer/maps.py. */
export class ConceptMaps {
  readonly nImages: number;
  readonly nConcepts: number;
  private readonly height: number;
  private readonly width: number;
  private readonly levels: Uint8Array;

  constructor(buffer: ArrayBuffer) {
    const header = new DataView(buffer);
    this.nImages = header.getUint16(0, true);
    this.nConcepts = header.getUint16(2, true);
    this.height = header.getUint16(4, true);
    this.width = header.getUint16(6, true);
    this.levels = new Uint8Array(buffer, 8);
    const expected = this.nImages * this.nConcepts * this.height * this.width;
    if (this.levels.length !== expected) throw new Error("concept maps are cut short");
  }

  /**
   * Value between 0 and 1 at a place of an image, both coordinates from 0 to 1. A cubic B-spline,
   * since a map has few cells and outlines through bilinear ones are polygons.
   */
  at(image: number, concept: number, x: number, y: number): number {
    const start = (image * this.nConcepts + concept) * this.height * this.width;
    const px = x * this.width - 0.5;
    const py = y * this.height - 0.5;
    const column = Math.floor(px);
    const row = Math.floor(py);
    const across = spline(px - column);
    const down = spline(py - row);
    let value = 0;
    for (let j = 0; j < 4; j++) {
      const r = Math.min(Math.max(row + j - 1, 0), this.height - 1);
      for (let i = 0; i < 4; i++) {
        const c = Math.min(Math.max(column + i - 1, 0), this.width - 1);
        value += down[j]! * across[i]! * (this.levels[start + r * this.width + c] ?? 0);
      }
    }
    return value / 255;
  }

  /** Whether the concept is nowhere in the image. */
  isEmpty(image: number, concept: number): boolean {
    const size = this.height * this.width;
    const start = (image * this.nConcepts + concept) * size;
    return this.levels.subarray(start, start + size).every((level) => level === 0);
  }

  has(image: number, concept: number): boolean {
    return image >= 0 && image < this.nImages && concept >= 0 && concept < this.nConcepts;
  }
}

function spline(t: number): [number, number, number, number] {
  const u = 1 - t;
  return [
    u ** 3 / 6,
    (3 * t ** 3 - 6 * t ** 2 + 4) / 6,
    (3 * u ** 3 - 6 * u ** 2 + 4) / 6,
    t ** 3 / 6,
  ];
}

const loading = new Map<string, Promise<ConceptMaps>>();

export function loadMaps(address: string): Promise<ConceptMaps> {
  const known = loading.get(address);
  if (known) return known;
  const maps = fetch(address)
    .then((response) => {
      if (!response.ok) throw new Error(`concept maps: ${response.status}`);
      return response.arrayBuffer();
    })
    .then((buffer) => new ConceptMaps(buffer))
    .catch((error: unknown) => {
      loading.delete(address);
      throw error;
    });
  loading.set(address, maps);
  return maps;
}

/** Dim the picture where the concept is not, and outline where it is. */
export function drawWhere(
  canvas: HTMLCanvasElement,
  maps: ConceptMaps,
  image: number,
  concept: number,
  color: string,
  box: Box = [0, 0, 1, 1],
  thickness = 2.2,
): void {
  const context = canvas.getContext("2d");
  if (!context || !maps.has(image, concept)) return;
  canvas.width = SIZE;
  canvas.height = SIZE;
  const field = new Float32Array(SIZE * SIZE);
  for (let row = 0; row < SIZE; row++) {
    const y = box[1] + ((row + 0.5) / SIZE) * (box[3] - box[1]);
    for (let column = 0; column < SIZE; column++) {
      const x = box[0] + ((column + 0.5) / SIZE) * (box[2] - box[0]);
      field[row * SIZE + column] = maps.at(image, concept, x, y);
    }
  }
  const [red, green, blue] = rgb(color);
  const pixels = context.createImageData(SIZE, SIZE);
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      const here = row * SIZE + column;
      const value = field[here] ?? 0;
      const right = field[here + (column < SIZE - 1 ? 1 : 0)] ?? 0;
      const below = field[here + (row < SIZE - 1 ? SIZE : 0)] ?? 0;
      const slope = Math.hypot(right - value, below - value);
      const distance = slope > 1e-5 ? Math.abs(value - OUTLINE) / slope : Infinity;
      const line = Math.min(Math.max(thickness - distance, 0), 1);
      const veil = VEIL * (1 - Math.min(value / OUTLINE, 1));
      const at = 4 * here;
      pixels.data[at] = 12 + (red - 12) * line;
      pixels.data[at + 1] = 13 + (green - 13) * line;
      pixels.data[at + 2] = 16 + (blue - 16) * line;
      pixels.data[at + 3] = 255 * Math.max(veil, line);
    }
  }
  context.putImageData(pixels, 0, 0);
}

/** A CSS colour as numbers; whatever notation it was written in. */
function rgb(color: string): [number, number, number] {
  const probe = document.createElement("canvas").getContext("2d");
  if (!probe) return [255, 255, 255];
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
  return [red ?? 255, green ?? 255, blue ?? 255];
}

/** The colour of a concept, e.g. of class `c3`, as the page has it now. */
export function conceptColor(css: string): string {
  const name = `--${css}`;
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";
}
