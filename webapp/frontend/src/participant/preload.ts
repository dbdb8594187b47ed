// Fetches and decodes the pictures of a block before its first trial.

import { type Backoff } from "./backoff";
import { nameIn, unpack } from "./bundles";

export const AT_ONCE = 6;
export const TRIES = 4;

export type LoadPicture = (url: string) => Promise<unknown>;

export interface PreloadHooks {
  onProgress: (done: number, total: number) => void;
  onFailure: (url: string, attempt: number) => void;
}

/**
 * Load every address, at most `AT_ONCE` at a time and each up to `TRIES` times; returns the
 * addresses that could not be loaded.
 */
export async function preload(
  urls: readonly string[],
  load: LoadPicture,
  backoff: Backoff,
  hooks: PreloadHooks,
): Promise<string[]> {
  const waiting = [...new Set(urls)];
  const total = waiting.length;
  const failed: string[] = [];
  let done = 0;

  async function one(url: string): Promise<boolean> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      try {
        await load(url);
        return true;
      } catch {
        hooks.onFailure(url, attempt + 1);
        if (attempt + 1 < TRIES) await backoff(attempt);
      }
    }
    return false;
  }

  async function worker(): Promise<void> {
    for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
      if (await one(url)) {
        done += 1;
        hooks.onProgress(done, total);
      } else {
        failed.push(url);
      }
    }
  }

  hooks.onProgress(0, total);
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, total) }, worker));
  return failed;
}

const BUNDLE_TIMEOUT_MS = 60_000;

/** Loaded pictures, held so that showing them again needs no network. */
export class Pictures {
  private readonly held = new Map<string, HTMLImageElement>();

  readonly load: LoadPicture = async (url) => {
    if (!this.held.has(url)) this.held.set(url, await decoded(url));
  };

  /** Load a bundle and hold those of its pictures whose addresses are wanted. */
  async loadBundle(bundle: string, wanted: readonly string[]): Promise<void> {
    const reply = await fetch(bundle, {
      credentials: "same-origin",
      signal: AbortSignal.timeout(BUNDLE_TIMEOUT_MS),
    });
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    const pictures = unpack(await reply.arrayBuffer());
    for (const url of wanted) {
      const picture = pictures.get(nameIn(url));
      if (!picture || this.held.has(url)) continue;
      const address = URL.createObjectURL(picture);
      this.held.set(url, await decoded(address));
    }
  }

  has(url: string): boolean {
    return this.held.has(url);
  }

  /** Where a picture is now: in the browser's memory, if it came in a bundle. */
  readonly address = (url: string): string => this.held.get(url)?.src ?? url;

  /** Let go of everything but the given addresses. */
  keep(urls: Iterable<string>): void {
    const wanted = new Set(urls);
    for (const [url, image] of this.held) {
      if (wanted.has(url)) continue;
      this.held.delete(url);
      if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
    }
  }
}

async function decoded(address: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

/** A trial with every picture's address replaced by where the picture is. */
export function located<T>(value: T, address: (url: string) => string): T;
export function located(value: unknown, address: (url: string) => string): unknown {
  if (typeof value === "string") return pictureUrls(value).length > 0 ? address(value) : value;
  if (Array.isArray(value)) return value.map((each) => located(each as unknown, address));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, located(each as unknown, address)]),
    );
  }
  return value;
}

/** Every picture address in a trial: strings that end like one, wherever they stand. */
export function pictureUrls(value: unknown): string[] {
  if (typeof value === "string") return /\.(webp|png|jpe?g|gif|svg)(\?|$)/i.test(value) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap(pictureUrls);
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(pictureUrls);
  return [];
}
