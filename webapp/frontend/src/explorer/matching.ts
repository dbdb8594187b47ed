// Two sets of directions: cosines, and which of one set is which of the other. As
// webapp/explorer/matching.py does, for a site of files that has no server to ask.

export type Vector = Float32Array;

/** Single-precision numbers, little-endian, from text. */
export function unpacked(text: string): Vector {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** 0 for a vector of 0. */
export function cosine(a: Vector, b: Vector): number {
  const size = Math.sqrt(dot(a, a) * dot(b, b));
  return size > 0 ? Math.min(Math.max(dot(a, b) / size, -1), 1) : 0;
}

export function difference(a: Vector, b: Vector): Vector {
  return a.map((value, i) => value - b[i]!);
}

export interface Match {
  left: number;
  right: number;
  likeness: number;
}

/** The one-to-one matching with the largest total likeness, less weak pairs, the most alike first. */
export function match(likeness: readonly number[][], atLeast: number): Match[] {
  return assign(likeness)
    .map(([left, right]) => ({ left, right, likeness: likeness[left]![right]! }))
    .filter((pair) => pair.likeness >= atLeast)
    .sort((a, b) => b.likeness - a.likeness || a.left - b.left);
}

/** The assignment problem by shortest augmenting paths (Jonker & Volgenant 1987). */
function assign(likeness: readonly number[][]): [number, number][] {
  const n = likeness.length;
  const m = likeness[0]?.length ?? 0;
  if (n > m) {
    const turned = Array.from({ length: m }, (_, j) => likeness.map((row) => row[j]!));
    return assign(turned).map(([right, left]) => [left, right]);
  }
  // Rows and columns count from 1; column 0 stands for none.
  const forRow = new Array<number>(n + 1).fill(0);
  const forColumn = new Array<number>(m + 1).fill(0);
  const rowOf = new Array<number>(m + 1).fill(0);
  for (let row = 1; row <= n; row++) {
    const from = new Array<number>(m + 1).fill(0);
    const least = new Array<number>(m + 1).fill(Infinity);
    const used = new Array<boolean>(m + 1).fill(false);
    rowOf[0] = row;
    let column = 0;
    do {
      used[column] = true;
      const at = rowOf[column]!;
      let step = Infinity;
      let next = 0;
      for (let j = 1; j <= m; j++) {
        if (used[j]) continue;
        const cost = -likeness[at - 1]![j - 1]! - forRow[at]! - forColumn[j]!;
        if (cost < least[j]!) {
          least[j] = cost;
          from[j] = column;
        }
        if (least[j]! < step) {
          step = least[j]!;
          next = j;
        }
      }
      for (let j = 0; j <= m; j++) {
        if (used[j]) {
          forRow[rowOf[j]!] = forRow[rowOf[j]!]! + step;
          forColumn[j] = forColumn[j]! - step;
        } else least[j] = least[j]! - step;
      }
      column = next;
    } while (rowOf[column] !== 0);
    while (column !== 0) {
      rowOf[column] = rowOf[from[column]!]!;
      column = from[column]!;
    }
  }
  const pairs: [number, number][] = [];
  for (let j = 1; j <= m; j++) if (rowOf[j]) pairs.push([rowOf[j]! - 1, j - 1]);
  return pairs;
}
