// Dropping, pasting or choosing a picture, framing a piece of it, and sending that piece alone.
// Without this script the form sends the chosen file, of which the server takes the middle.

import { fitted, movedTo, squareOf, WHOLE, type Frame } from "./framing";

const SIDE = 448;
const KEPT = "lens-crop-last";
const MAX_BYTES = 8 * 1024 * 1024;

export function startDrop(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-drop]");
  const zone = form?.querySelector<HTMLElement>("[data-zone]");
  const file = form?.querySelector<HTMLInputElement>("input[type=file]");
  const framing = form?.querySelector<HTMLElement>("[data-framing]");
  const canvas = form?.querySelector<HTMLCanvasElement>("[data-canvas]");
  const hint = form?.querySelector<HTMLElement>("[data-hint]");
  if (!form || !zone || !file || !framing || !canvas || !hint || file.disabled) return;

  let picture: ImageBitmap | null = null;
  let frame: Frame = { ...WHOLE };
  const sliders = (["size", "x", "y"] as const).map((name) => ({
    name,
    input: framing.querySelector<HTMLInputElement>(`[name=${name}]`)!,
  }));

  const show = (): void => {
    if (picture) draw(canvas, picture, frame);
    for (const { name, input } of sliders) input.value = String(frame[name]);
  };
  const take = async (chosen: File | null | undefined): Promise<void> => {
    if (!chosen || !chosen.type.startsWith("image/")) return;
    try {
      picture = await createImageBitmap(chosen);
    } catch {
      hint.textContent = "This is no picture that can be read: take JPEG, PNG or WebP.";
      return;
    }
    hint.textContent = file.files?.length ? "" : chosen.name; // the field names what it holds
    frame = { ...WHOLE };
    framing.hidden = false;
    show();
  };

  file.addEventListener("change", () => void take(file.files?.[0]));
  for (const { name, input } of sliders) {
    input.addEventListener("input", () => {
      frame = { ...frame, [name]: Number(input.value) };
      show();
    });
  }
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("is-over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("is-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("is-over");
    put(file, event.dataTransfer?.files[0]);
    void take(event.dataTransfer?.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const pasted = event.clipboardData?.files[0];
    if (!pasted) return;
    put(file, pasted);
    void take(pasted);
  });
  const drag = (event: PointerEvent): void => {
    if (!picture || event.buttons === 0) return;
    const box = canvas.getBoundingClientRect();
    const lies = fitted(picture.width, picture.height, canvas.width, canvas.height);
    const x = ((event.clientX - box.left) * (canvas.width / box.width) - lies.left) / lies.scale;
    const y = ((event.clientY - box.top) * (canvas.height / box.height) - lies.top) / lies.scale;
    frame = movedTo(frame, x, y, picture.width, picture.height);
    show();
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    drag(event);
  });
  canvas.addEventListener("pointermove", drag);

  let cut = false;
  form.addEventListener("submit", (event) => {
    if (!picture || cut) return;
    event.preventDefault();
    const piece = cutOut(picture, frame);
    keep(piece);
    piece.toBlob((blob) => {
      cut = true;
      if (blob && blob.size < MAX_BYTES) {
        put(file, new File([blob], "piece.png", { type: "image/png" }));
        frame = { ...WHOLE };
        show();
      }
      form.requestSubmit();
    }, "image/png");
  });
}

/** On the page of a search: wait for the answer, and show the piece that this browser kept. */
export function startCropPage(): void {
  const head = document.querySelector<HTMLElement>("[data-crop]");
  const token = head?.dataset["crop"];
  if (!head || !token) return;
  showKept(head, token);
  const address = head.dataset["cropState"];
  const words = head.querySelector<HTMLElement>("[data-crop-words]");
  if (!address) return;
  const look = async (): Promise<void> => {
    try {
      const response = await fetch(address, { cache: "no-store" });
      const { state, worker } = (await response.json()) as { state: string; worker: boolean };
      if (state === "answered" || state === "gone") {
        location.reload();
        return;
      }
      const said =
        state === "claimed"
          ? "The model is looking at it…"
          : worker
            ? "Waiting for the worker…"
            : "No worker is running.";
      if (words && words.textContent !== said) words.textContent = said;
    } catch {
      if (words) words.textContent = "The server does not answer; trying again.";
    }
    setTimeout(() => void look(), 700);
  };
  void look();
}

function draw(canvas: HTMLCanvasElement, picture: ImageBitmap, frame: Frame): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { scale, left, top } = fitted(picture.width, picture.height, canvas.width, canvas.height);
  const square = squareOf(frame, picture.width, picture.height);
  const [x, y, side] = [left + square.left * scale, top + square.top * scale, square.side * scale];
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.globalAlpha = 0.3;
  context.drawImage(picture, left, top, picture.width * scale, picture.height * scale);
  context.globalAlpha = 1;
  const { left: sx, top: sy, side: length } = square;
  context.drawImage(picture, sx, sy, length, length, x, y, side, side);
  for (const [colour, width] of [["#000", 4], ["#fff", 2]] as const) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x + 1, y + 1, side - 2, side - 2);
  }
}

function cutOut(picture: ImageBitmap, frame: Frame): HTMLCanvasElement {
  const square = squareOf(frame, picture.width, picture.height);
  const side = Math.max(8, Math.min(SIDE, Math.round(square.side)));
  const piece = document.createElement("canvas");
  piece.width = piece.height = side;
  const context = piece.getContext("2d");
  if (context) {
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, square.left, square.top, square.side, square.side, 0, 0, side, side);
  }
  return piece;
}

function put(input: HTMLInputElement, file: File | undefined): void {
  if (!file) return;
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
}

/** The server forgets the piece; the tab that sent it may go on showing it. */
function keep(piece: HTMLCanvasElement): void {
  try {
    sessionStorage.setItem(KEPT, piece.toDataURL("image/jpeg", 0.85));
  } catch {
    // no room, or not allowed: then it is not shown
  }
}

function showKept(head: HTMLElement, token: string): void {
  const place = head.querySelector<HTMLElement>("[data-crop-picture]");
  const image = place?.querySelector("img");
  try {
    const mine = `lens-crop-${token}`;
    const last = sessionStorage.getItem(KEPT);
    if (last && !sessionStorage.getItem(mine)) sessionStorage.setItem(mine, last);
    sessionStorage.removeItem(KEPT);
    const kept = sessionStorage.getItem(mine);
    if (kept && place && image) {
      image.src = kept;
      place.hidden = false;
    }
  } catch {
    // not allowed: the result alone is shown
  }
}
