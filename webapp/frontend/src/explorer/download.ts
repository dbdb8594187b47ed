// Figures as files: SVG with its colours written out, PNG at three times its size.

const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-linecap", "stroke-dasharray", "opacity",
  "font-family", "font-size", "font-weight", "text-anchor", "clip-path", "r",
] as const;
const PNG_SCALE = 3;

export function startDownloads(): void {
  document.querySelectorAll<HTMLElement>("figure[data-figure]").forEach((figure) => {
    const svg = figure.querySelector<SVGSVGElement>("svg[data-figure-svg]");
    if (!svg) return;
    const name = `${document.title.split(" – ")[0]} ${figure.dataset["figure"]}`
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "");
    const bar = document.createElement("div");
    bar.className = "figure-save";
    bar.append(
      button("SVG", `Save the figure as SVG`, async () => {
        save(new Blob([await standalone(svg)], { type: "image/svg+xml" }), `${name}.svg`);
      }),
      button("PNG", `Save the figure as PNG`, async () => {
        const { width, height } = svg.viewBox.baseVal;
        save(await raster(await standalone(svg), width, height), `${name}.png`);
      }),
    );
    figure.append(bar);
  });
}

function button(text: string, label: string, act: () => Promise<void>): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.setAttribute("aria-label", label);
  element.addEventListener("click", () => void act());
  return element;
}

/** The figure on its own: styles and pictures inside, on the page's surface. */
async function standalone(svg: SVGSVGElement): Promise<string> {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const originals = [svg, ...svg.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((element, place) => {
    const original = originals[place];
    if (!original || element.tagName === "clipPath") return;
    const style = getComputedStyle(original);
    for (const property of STYLES) {
      const value = style.getPropertyValue(property);
      if (value && value !== "none") element.setAttribute(property, value);
      else if (property === "fill") element.setAttribute(property, value);
    }
    for (const name of ["class", "tabindex", "role", "data-concept", "href"])
      if (element.tagName !== "image" || name !== "href") element.removeAttribute(name);
  });
  await Promise.all(
    [...copy.querySelectorAll("image")].map(async (image) => {
      const address = image.getAttribute("href");
      if (address) image.setAttribute("href", await dataAddress(address));
    }),
  );
  const { x, y, width, height } = svg.viewBox.baseVal;
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  ground.setAttribute("x", String(x));
  ground.setAttribute("y", String(y));
  ground.setAttribute("width", String(width));
  ground.setAttribute("height", String(height));
  ground.setAttribute("fill", getComputedStyle(svg.closest("figure") ?? svg).backgroundColor);
  copy.prepend(ground);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  return new XMLSerializer().serializeToString(copy);
}

async function dataAddress(address: string): Promise<string> {
  const blob = await (await fetch(address)).blob();
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error(address));
    reader.readAsDataURL(blob);
  });
}

/** A figure of that size as a picture with finer pixels. */
export async function raster(text: string, width: number, height: number): Promise<Blob> {
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = width * PNG_SCALE;
    canvas.height = height * PNG_SCALE;
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))));
    });
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** Hand a file to the browser's downloads. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
