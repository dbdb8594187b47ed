// Small helps for the pages that are read. Each page works without them.

/** Show the instructions one step at a time. */
function stepper(list: HTMLElement): void {
  const steps = [...list.children] as HTMLElement[];
  const [back, next, done, position] = ["back", "next", "done", "position"].map(
    (name) => document.querySelector<HTMLElement>(`[data-${name}]`) as HTMLElement,
  ) as [HTMLElement, HTMLElement, HTMLElement, HTMLElement];
  let here = 0;

  function show(to: number): void {
    here = to;
    const last = here === steps.length - 1;
    steps.forEach((step, i) => (step.hidden = i !== here));
    back.hidden = here === 0;
    next.hidden = last;
    done.hidden = !last;
    position.textContent = `${here + 1} of ${steps.length}`;
  }

  function go(by: number): void {
    show(here + by);
    const heading = steps[here]?.querySelector("h2");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus();
  }

  back.addEventListener("click", () => go(-1));
  next.addEventListener("click", () => go(1));
  show(0);
}

/** Copy a text by one press, and say so. */
function copier(button: HTMLElement): void {
  const source = document.getElementById(button.dataset["copy"] ?? "");
  const told = document.querySelector<HTMLElement>("[data-copied]");
  if (!source || !told) return;
  button.hidden = false;
  button.addEventListener("click", () => void copy(source).then((words) => (told.textContent = words)));
}

async function copy(source: HTMLElement): Promise<string> {
  try {
    // Missing on plain HTTP, as in many laboratories.
    await navigator.clipboard.writeText(source.textContent?.trim() ?? "");
    return "Copied";
  } catch {
    getSelection()?.selectAllChildren(source);
    return "Selected: press Ctrl+C or ⌘C to copy";
  }
}

function isPhone(): boolean {
  return matchMedia("(pointer: coarse)").matches && Math.min(screen.width, screen.height) < 600;
}

for (const list of document.querySelectorAll<HTMLElement>("[data-stepper]")) {
  if (list.children.length > 0) stepper(list);
}
for (const button of document.querySelectorAll<HTMLElement>("[data-copy]")) copier(button);
for (const note of document.querySelectorAll<HTMLElement>("[data-phones=refused]")) {
  note.hidden = !isPhone();
}
// Who agreed on a phone would be stuck there: the same link opens elsewhere until then.
for (const form of document.querySelectorAll<HTMLElement>("[data-computers-only]")) {
  form.hidden = isPhone();
}
document.querySelector<HTMLElement>("[data-focus]")?.focus();
