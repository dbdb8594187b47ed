// The participant's machine: described once a page, watched all the time.

import { type Settings } from "./api";
import { type Calibration } from "./calibration";

export interface Environment {
  frame_interval_ms: number;
  refresh_hz: number;
  browser: string;
  os: string;
  user_agent: string;
  languages: readonly string[];
  viewport_px: readonly [number, number];
  screen_px: readonly [number, number];
  pixel_ratio: number;
  touch: boolean;
  reduced_motion: boolean;
  time_zone: string;
  durable_store: boolean;
  webdriver: boolean;
  calibration?: Calibration;
}

export function describe(frameIntervalMs: number, durable: boolean): Environment {
  return {
    frame_interval_ms: round(frameIntervalMs, 3),
    refresh_hz: round(1000 / frameIntervalMs, 1),
    browser: browserOf(navigator.userAgent),
    os: systemOf(navigator.userAgent),
    user_agent: navigator.userAgent,
    languages: navigator.languages,
    viewport_px: [innerWidth, innerHeight],
    screen_px: [screen.width, screen.height],
    pixel_ratio: round(devicePixelRatio, 3),
    touch: matchMedia("(pointer: coarse)").matches,
    reduced_motion: matchMedia("(prefers-reduced-motion: reduce)").matches,
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    durable_store: durable,
    webdriver: navigator.webdriver,
  };
}

/** Browser and major version; order matters, since most browsers also claim to be others. */
export function browserOf(agent: string): string {
  const marks: readonly (readonly [string, RegExp])[] = [
    ["Edge", /Edg(?:e|A|iOS)?\/(\d+)/],
    ["Opera", /OPR\/(\d+)/],
    ["Samsung Internet", /SamsungBrowser\/(\d+)/],
    ["Firefox", /(?:Firefox|FxiOS)\/(\d+)/],
    ["Chrome", /(?:Headless)?(?:Chrome|CriOS|Chromium)\/(\d+)/],
    ["Safari", /Version\/(\d+).*Safari/],
  ];
  for (const [name, mark] of marks) {
    const found = mark.exec(agent);
    if (found) return `${name} ${found[1]}`;
  }
  return "unknown";
}

export function systemOf(agent: string): string {
  if (/iPhone|iPad|iPod/.test(agent)) return "iOS";
  if (/Android/.test(agent)) return "Android";
  if (/Windows/.test(agent)) return "Windows";
  if (/CrOS/.test(agent)) return "ChromeOS";
  if (/Mac OS X|Macintosh/.test(agent)) return "macOS";
  if (/Linux|X11/.test(agent)) return "Linux";
  return "unknown";
}

/** Report focus, visibility, full-screen, size and connection changes to `log`. */
export function watch(log: (kind: string, detail?: object) => void): void {
  addEventListener("focus", () => log("focus"));
  addEventListener("blur", () => log("blur"));
  addEventListener("online", () => log("online"));
  addEventListener("offline", () => log("offline"));
  document.addEventListener("visibilitychange", () => log(document.visibilityState));
  document.addEventListener("fullscreenchange", () =>
    log(document.fullscreenElement ? "fullscreen_enter" : "fullscreen_exit"),
  );
  let settled: ReturnType<typeof setTimeout> | undefined;
  addEventListener("resize", () => {
    clearTimeout(settled);
    settled = setTimeout(
      () => log("resize", { viewport_px: [innerWidth, innerHeight], pixel_ratio: devicePixelRatio }),
      200,
    );
  });
}

export type Fit = "fits" | "window too small" | "phone refused";

/** Whether the study can be shown here. A phone where phones are allowed always fits. */
export function fitOf(
  settings: Settings,
  viewport: readonly [number, number],
  screenPx: readonly [number, number],
  touch: boolean,
): Fit {
  const phone = touch && Math.min(...screenPx) < 600;
  if (phone) return settings.allow_phones ? "fits" : "phone refused";
  const [width, height] = settings.min_viewport_px;
  return viewport[0] < width || viewport[1] < height ? "window too small" : "fits";
}

export function currentFit(settings: Settings): Fit {
  return fitOf(
    settings,
    [innerWidth, innerHeight],
    [screen.width, screen.height],
    matchMedia("(pointer: coarse)").matches,
  );
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
