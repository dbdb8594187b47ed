// The pictures of several trials in one file: as many bytes for each, none that tell them apart.

const HEAD_BYTES = 8;
const NAME_BYTES = 32;

/** The pictures of a bundle by name. Throws if it is cut short or something else. */
export function unpack(data: ArrayBuffer): Map<string, Blob> {
  const head = new DataView(data);
  if (data.byteLength < HEAD_BYTES) throw new Error("not a bundle of pictures");
  const [n, size] = [head.getUint32(0, true), head.getUint32(4, true)];
  if (data.byteLength !== HEAD_BYTES + n * (NAME_BYTES + size)) {
    throw new Error("a bundle of pictures was cut short");
  }
  const pictures = new Map<string, Blob>();
  for (let at = HEAD_BYTES; at < data.byteLength; at += NAME_BYTES + size) {
    const name = new TextDecoder("ascii").decode(new Uint8Array(data, at, NAME_BYTES));
    const picture = new Uint8Array(data, at + NAME_BYTES, size);
    pictures.set(name, new Blob([picture], { type: "image/webp" }));
  }
  return pictures;
}

/** The name in a picture's address: the last part without its ending. */
export function nameIn(url: string): string {
  return (url.split("/").pop() ?? "").replace(/\.\w+$/, "");
}
