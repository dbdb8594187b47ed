// Where a concept is in an image: its map, drawn over the picture as a lit region in its colour.

/** Share of a concept's scale at which the outline runs. */
const OUTLINE = 0.35;
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

  /** Value between 0 and 1 at a place of an image, both coordinates from 0 to 1; bilinear. */
  at(image: number, concept: number, x: number, y: number): number {
    const px = Math.min(Math.max(x * this.width - 0.5, 0), this.width - 1);
    const py = Math.min(Math.max(y * this.height - 0.5, 0), this.height - 1);
    const x0 = Math.floor(px);
    const y0 = Math.floor(py);
    const x1 = Math.min(x0 + 1, this.width - 1);
    const y1 = Math.min(y0 + 1, this.height - 1);
    const start = (image * this.nConcepts + concept) * this.height * this.width;
    const value = (row: number, column: number): number =>
      this.levels[start + row * this.width + column] ?? 0;
    const right = px - x0;
    const top = value(y0, x0) * (1 - right) + value(y0, x1) * right;
    const bottom = value(y1, x0) * (1 - right) + value(y1, x1) * right;
    return (top * (1 - (py - y0)) + bottom * (py - y0)) / 255;
  }

  has(image: number, concept: number): boolean {
    return image >= 0 && image < this.nImages && concept >= 0 && concept < this.nConcepts;
  }
}

let loading: Promise<ConceptMaps> | null = null;

export function loadMaps(address: string): Promise<ConceptMaps> {
  loading ??= fetch(address)
    .then((response) => {
      if (!response.ok) throw new Error(`concept maps: ${response.status}`);
      return response.arrayBuffer();
    })
    .then((buffer) => new ConceptMaps(buffer))
    .catch((error: unknown) => {
      loading = null;
      throw error;
    });
  return loading;
}

/** Dim the picture where the concept is not, and outline where it is. */
export function drawWhere(
  canvas: HTMLCanvasElement,
  maps: ConceptMaps,
  image: number,
  concept: number,
  color: string,
  box: Box = [0, 0, 1, 1],
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
      const line = Math.min(Math.max(2.2 - distance, 0), 1);
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
