// What a program would do and a person hardly: written down for the researcher, never acted upon.

/** Faster than people see, decide and move (a simple reaction takes about 200 ms). */
export const TOO_FAST_MS = 150;

type Log = (kind: string, detail?: object) => void;

export class Signals {
  private pointerMoves = 0;
  private clicks = 0;
  private told = false;

  constructor(private readonly log: Log) {}

  /** Watch the page; `automated` is what the browser itself says (`navigator.webdriver`). */
  watch(page: EventTarget, automated: boolean): void {
    if (automated) this.log("signal_webdriver");
    page.addEventListener("pointermove", () => (this.pointerMoves += 1), { passive: true });
    page.addEventListener("paste", (event) => {
      const text = (event as ClipboardEvent).clipboardData?.getData("text") ?? "";
      this.log("signal_paste", { characters: text.length });
    });
    page.addEventListener("click", (event) => this.clicked(event as MouseEvent));
  }

  /** An answer was given. */
  answered(index: number, rtMs: number): void {
    if (rtMs < TOO_FAST_MS) this.log("signal_too_fast", { index, rt_ms: Math.round(rtMs) });
  }

  /** A click by mouse (not by key or finger) needs a way to get there. */
  private clicked(event: MouseEvent): void {
    if (event.detail === 0 || (event as PointerEvent).pointerType === "touch") return;
    this.clicks += 1;
    if (this.clicks < 3 || this.pointerMoves > 0 || this.told) return;
    this.told = true;
    this.log("signal_no_pointer_movement", { clicks: this.clicks });
  }
}
