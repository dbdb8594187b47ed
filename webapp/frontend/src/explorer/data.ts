// What a class page brings along for its script: a value an image, a record a concept.

import type { SteeringData } from "./steering";

export interface ConceptData {
  id: string;
  index: number;
  label: string;
  css: string;
}

export interface ClassData {
  pictures: string;
  version: string;
  /** Names of the images' files; empty where they are numbered. */
  picture: string[] | null;
  top: number[];
  /** Empty where the class does not show the concept that counts most. */
  share: (number | null)[];
  probability: number[];
  split: number[];
  concepts: ConceptData[];
  maps?: string;
  /** Where images have pages of their own: the address of `IMAGE`, and which do if not all. */
  pages?: { address: string; numbers: number[] | null };
  steering: SteeringData | null;
}

export function readClassData(): ClassData | null {
  const block = document.getElementById("page-data");
  return block?.textContent ? (JSON.parse(block.textContent) as ClassData) : null;
}

/** Address of the picture of one image. */
export function pictureAddress(data: ClassData, place: number): string {
  const numbered = `images/${String(place).padStart(4, "0")}.webp`;
  return `${data.pictures}${data.picture?.[place] ?? numbered}?v=${data.version}`;
}

/** Address of the page of one image, if it has one. */
export function imageAddress(data: ClassData, place: number): string | null {
  const pages = data.pages;
  if (!pages || (pages.numbers && !pages.numbers.includes(place))) return null;
  return pages.address.replace("IMAGE", String(place));
}

export function percent(share: number): string {
  return `${Math.round(100 * share)}\u00a0%`.replace("-", "\u2212");
}
