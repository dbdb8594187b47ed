// Pictures of a trial: laid out at once, shown together once all are decoded.

import { element } from "../dom";

/** A picture in a frame that keeps its place; an empty `alt` where something else says what it is. */
export function framed(url: string, alt: string): { frame: HTMLElement; image: HTMLImageElement } {
  const image = element("img", { src: url, alt, draggable: "false", decoding: "sync" });
  return { frame: element("span", { class: "picture" }, image), image };
}

/** Resolves when the picture can be painted, however often it has to be fetched. */
export async function decoded(
  image: HTMLImageElement,
  load: (url: string) => Promise<unknown>,
): Promise<void> {
  const url = image.src;
  for (;;) {
    try {
      await image.decode();
      return;
    } catch {
      await load(url);
      image.src = url;
    }
  }
}
