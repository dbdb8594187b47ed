// From a bank card on the screen to pixels per degree. All are 85.60 mm wide (ISO/IEC 7810, ID-1).

export const CARD_MM = { width: 85.6, height: 53.98 } as const;

export interface Calibration {
  px_per_mm: number;
  px_per_degree: number;
  viewing_cm: number;
}

/** From the width of the card's picture and the distance of the eyes. */
export function calibration(cardPx: number, viewingCm: number): Calibration {
  const perMm = cardPx / CARD_MM.width;
  const degreeMm = 2 * viewingCm * 10 * Math.tan(Math.PI / 360);
  const round = (value: number): number => Number(value.toFixed(3));
  return {
    px_per_mm: round(perMm),
    px_per_degree: round(perMm * degreeMm),
    viewing_cm: viewingCm,
  };
}
