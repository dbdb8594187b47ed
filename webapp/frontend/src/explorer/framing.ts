// A square frame on a picture: where it is, and what moving it does. No page in here.

/** The middle of the square as fractions of width and height, its side of the shorter one. */
export interface Frame {
  x: number;
  y: number;
  size: number;
}

export interface Square {
  left: number;
  top: number;
  side: number;
}

export const WHOLE: Frame = { x: 0.5, y: 0.5, size: 1 };

/** The square in pixels, pushed back into the picture, as webapp/explorer/uploads.py does. */
export function squareOf(frame: Frame, width: number, height: number): Square {
  const side = Math.min(width, height) * clamp(frame.size, 0.05, 1);
  return {
    left: clamp(frame.x * width - side / 2, 0, width - side),
    top: clamp(frame.y * height - side / 2, 0, height - side),
    side,
  };
}

/** The frame with its middle moved to a point, no further than it fits. */
export function movedTo(frame: Frame, x: number, y: number, width: number, height: number): Frame {
  const square = squareOf({ ...frame, x: x / width, y: y / height }, width, height);
  return {
    x: (square.left + square.side / 2) / width,
    y: (square.top + square.side / 2) / height,
    size: frame.size,
  };
}

/** How a picture lies in a box without being cut: scale and corner. */
export function fitted(
  width: number,
  height: number,
  boxWidth: number,
  boxHeight: number,
): { scale: number; left: number; top: number } {
  const scale = Math.min(boxWidth / width, boxHeight / height);
  return { scale, left: (boxWidth - width * scale) / 2, top: (boxHeight - height * scale) / 2 };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
