// What separates two classes, what they share, what only one has: numbers from the files of a static
// site, as webapp/explorer/pairs.py computes them on a server.

import { cosine, difference, dot, match, unpacked, type Match, type Vector } from "./matching";

/** A concept in a class's file; `name`, `side` and `card` are pieces of HTML. */
export interface ConceptRecord {
  id: string;
  css: string;
  importance: number;
  /** Mean value over the class's images, where importances are exact. */
  mean: number | null;
  row: string;
  name: string;
  side: string;
  card: string;
}

export interface ClassFile {
  title: string;
  link: string;
  end: string;
  plane: string | null;
  concepts: ConceptRecord[];
  /** Of a shared dictionary: what each row makes up of this class's logit. */
  importances: Record<string, number> | null;
}

export interface Side {
  concept: ConceptRecord;
  /** Cosine with the first class's hyperplane less the second's; above 0 it speaks for the first. */
  separation: number | null;
  /** What it adds to its own class's lead over the other. */
  margin: number | null;
  /** How much it tells the two apart, by its lead or else its cosine; above 0 for the first. */
  tells: number;
  elsewhere: number | null;
}

export interface Compared {
  first: Side[];
  second: Side[];
  matches: Match[];
  firstAlone: Side[];
  secondAlone: Side[];
  likeness: number | null;
  exact: boolean;
  /** All that tells them apart, what tells most first; none without hyperplanes. */
  bars: Side[];
}

export function comparedPair(a: ClassFile, b: ClassFile, shared: boolean, atLeast: number): Compared {
  const rows = [a, b].map((end) => end.concepts.map((concept) => unpacked(concept.row))) as [Vector[], Vector[]];
  const planes = [a, b].map((end) => (end.plane === null ? null : unpacked(end.plane))) as [Vector | null, Vector | null];
  const apart = planes[0] && planes[1] ? difference(planes[0], planes[1]) : null;
  const sides = (end: ClassFile, other: ClassFile, mine: Vector[], sign: number): Side[] =>
    end.concepts.map((concept, i) => {
      const separation = apart && cosine(mine[i]!, apart);
      const lead = apart && concept.mean !== null ? concept.mean * dot(mine[i]!, apart) : null;
      return {
        concept,
        separation,
        margin: lead === null ? null : sign * lead,
        tells: lead ?? separation ?? 0,
        elsewhere: shared ? (other.importances?.[concept.id] ?? 0) : null,
      };
    });
  const first = sides(a, b, rows[0], 1);
  const second = sides(b, a, rows[1], -1);
  const matches = shared
    ? sameIds(a.concepts, b.concepts)
    : match(rows[0].map((row) => rows[1].map((other) => cosine(row, other))), atLeast);
  const both = shared ? [...first, ...second.filter((one) => !first.some(({ concept }) => concept.id === one.concept.id))] : [...first, ...second];
  return {
    first,
    second,
    matches,
    firstAlone: first.filter((_, i) => !matches.some(({ left }) => left === i)),
    secondAlone: second.filter((_, i) => !matches.some(({ right }) => right === i)),
    likeness: planes[0] && planes[1] ? cosine(planes[0], planes[1]) : null,
    exact: [...first, ...second].some(({ margin }) => margin !== null),
    bars: apart ? both.sort((x, y) => Math.abs(y.tells) - Math.abs(x.tells)) : [],
  };
}

function sameIds(first: readonly ConceptRecord[], second: readonly ConceptRecord[]): Match[] {
  return first.flatMap(({ id }, left) => {
    const right = second.findIndex((other) => other.id === id);
    return right < 0 ? [] : [{ left, right, likeness: 1 }];
  });
}
