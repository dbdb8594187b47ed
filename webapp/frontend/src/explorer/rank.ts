// Finding a class while one types. Ranks as webapp/explorer/search.py does.

export interface ClassEntry {
  id: number;
  name: string;
  also: string[];
}

export interface Found {
  entry: ClassEntry;
  /** The synonym that answered, if it was not the name. */
  by: string | null;
}

export const NO_MATCH = 99;

/** Lower case, without accents, underscores and hyphens as spaces. */
export function normalise(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[_-]/g, " ")
    .toLowerCase()
    .replace(/\s+/g, " ")
    .trim();
}

/** Insertions, deletions, substitutions and swaps of neighbours between two words. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const older = before;
    const previous = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, older[j - 2]! + 1);
      }
      row.push(best);
    }
    before = previous;
  }
  return row[b.length]!;
}

/** How badly `text` answers `query`; both normalised. 0 is the same, NO_MATCH has nothing to do with it. */
export function rankText(query: string, text: string): number {
  if (query === "") return NO_MATCH;
  if (text === query) return 0;
  if (text.startsWith(query)) return 1;
  if (text.includes(` ${query}`)) return 2;
  if (text.includes(query)) return 3;
  const allowed = query.length < 4 ? 0 : query.length < 7 ? 1 : 2;
  if (allowed > 0) {
    for (let start = 0; start >= 0 && start < text.length; ) {
      for (const extra of [0, -1, 1]) {
        const distance = editDistance(query, text.slice(start, start + query.length + extra));
        if (distance <= allowed) return 3 + distance;
      }
      const space = text.indexOf(" ", start);
      start = space < 0 ? -1 : space + 1;
    }
  }
  return NO_MATCH;
}

/** The classes that answer a query, best first. */
export function searchClasses(classes: ClassEntry[], query: string, limit = 8): Found[] {
  const wanted = normalise(query);
  if (wanted === "") return [];
  const found: { rank: number; place: number; found: Found }[] = [];
  classes.forEach((entry, place) => {
    let rank = wanted === String(entry.id) ? -1 : 2 * rankText(wanted, normalise(entry.name));
    let by: string | null = null;
    for (const synonym of entry.also) {
      const other = 2 * rankText(wanted, normalise(synonym)) + 1;
      if (other < rank) {
        rank = other;
        by = synonym;
      }
    }
    if (rank < 2 * NO_MATCH) found.push({ rank, place, found: { entry, by } });
  });
  found.sort((a, b) => a.rank - b.rank || a.place - b.place);
  return found.slice(0, limit).map((item) => item.found);
}
