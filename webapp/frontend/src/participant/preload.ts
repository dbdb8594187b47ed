// Fetches and decodes the pictures of a block before its first trial.

import { type Backoff } from "./backoff";

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

/** Loaded pictures, held so that showing them again needs no network. */
export class Pictures {
  private readonly held = new Map<string, HTMLImageElement>();

  readonly load: LoadPicture = async (url) => {
    if (this.held.has(url)) return;
    const image = new Image();
    image.src = url;
    await image.decode();
    this.held.set(url, image);
  };

  /** Let go of everything but the given addresses. */
  keep(urls: Iterable<string>): void {
    const wanted = new Set(urls);
    for (const url of this.held.keys()) if (!wanted.has(url)) this.held.delete(url);
  }
}

/** Every picture address in a trial: strings that end like one, wherever they stand. */
export function pictureUrls(value: unknown): string[] {
  if (typeof value === "string") return /\.(webp|png|jpe?g|gif|svg)(\?|$)/i.test(value) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap(pictureUrls);
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(pictureUrls);
  return [];
}
