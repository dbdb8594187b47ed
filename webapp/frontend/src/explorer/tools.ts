// The row of small buttons over and under a figure.

/** A labelled group of buttons at the head of a figure; made when first asked for. */
export function toolGroup(figure: HTMLElement, label: string): HTMLElement {
  let bar = figure.querySelector<HTMLElement>(":scope > .figure-tools");
  if (!bar) {
    bar = document.createElement("div");
    bar.className = "figure-tools";
    figure.prepend(bar);
  }
  const group = document.createElement("div");
  group.className = "tool-group";
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", label);
  bar.append(group);
  return group;
}

/** A button; `label` says in full what it does. */
export function tool(
  parent: HTMLElement,
  text: string,
  label: string,
  act: () => void,
): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.setAttribute("aria-label", label);
  button.title = label;
  button.addEventListener("click", act);
  parent.append(button);
  return button;
}

export function pressed(button: HTMLButtonElement, on: boolean): void {
  button.setAttribute("aria-pressed", String(on));
}
