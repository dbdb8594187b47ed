// Text to take along, such as a citation: a button that puts it on the clipboard.

const SHOWN_MS = 2000;

export function startCopy(): void {
  if (!navigator.clipboard) return; // pages that are not served safely may not
  document.querySelectorAll<HTMLElement>("[data-copy]").forEach((place) => {
    const text = place.querySelector("[data-copy-text]")?.textContent?.trim();
    if (!text) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    const status = document.createElement("span");
    status.className = "visually-hidden";
    status.setAttribute("role", "status");
    button.addEventListener("click", () => {
      const say = (word: string): void => {
        button.textContent = status.textContent = word;
        setTimeout(() => {
          button.textContent = "Copy";
          status.textContent = "";
        }, SHOWN_MS);
      };
      navigator.clipboard.writeText(text).then(
        () => say("Copied"),
        () => say("Not allowed"),
      );
    });
    place.append(" ", button, status);
  });
}
