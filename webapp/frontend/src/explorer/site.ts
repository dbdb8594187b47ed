// Where this page stands in its atlas, as the template wrote it into <body>.

import type { ClassEntry } from "./rank";

export interface Site {
  /** From this page to the atlas's home. */
  root: string;
  /** What file names of pages end with: nothing on a server. */
  suffix: string;
  index: string;
}

export function readSite(): Site | null {
  const { root, index, suffix } = document.body.dataset;
  return root && index ? { root, index, suffix: suffix ?? "" } : null;
}

export function classAddress(site: Site, id: number): string {
  return `${site.root}class/${id}${site.suffix}`;
}

let loading: Promise<ClassEntry[]> | null = null;

/** The search index, fetched once. */
export function loadClasses(site: Site): Promise<ClassEntry[]> {
  loading ??= fetch(site.index)
    .then((response) => {
      if (!response.ok) throw new Error(`search index: ${response.status}`);
      return response.json() as Promise<{ classes: ClassEntry[] }>;
    })
    .then((index) => index.classes)
    .catch((error: unknown) => {
      loading = null; // the next key tries again
      throw error;
    });
  return loading;
}
