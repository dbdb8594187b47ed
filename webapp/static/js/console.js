// The console's study page: counts that stay fresh, and a button that copies the link.
// The page is whole without it.

const EVERY_MS = 5000;

/** The value at a path such as "cells.0.active". */
function at(values, path) {
  return path.split(".").reduce((value, part) => value?.[part], values);
}

function keepFresh(section) {
  const note = section.querySelector("[data-live-note]");
  const format = new Intl.NumberFormat("en");

  async function refresh() {
    if (document.hidden) return;
    try {
      const reply = await fetch(section.dataset.live, { cache: "no-store" });
      if (!reply.ok) throw new Error(String(reply.status));
      const values = await reply.json();
      for (const cell of document.querySelectorAll("[data-count]")) {
        const value = at(values, cell.dataset.count);
        cell.textContent = typeof value === "number" ? format.format(value) : "–";
      }
      for (const cell of document.querySelectorAll("[data-moment]")) {
        const value = at(values, cell.dataset.moment);
        if (value) cell.textContent = `${value.slice(0, 16).replace("T", " ")} UTC`;
      }
      note.textContent = "";
    } catch {
      note.textContent = "The numbers are not fresh: the server does not answer. Trying again.";
    }
  }

  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);
}

function copyButton(button) {
  const source = document.querySelector("[data-copy-source]");
  button.hidden = false;
  button.addEventListener("click", async () => {
    source.select();
    try {
      await navigator.clipboard.writeText(source.value);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

/** Show how far a draft is, and the whole page again when it is done. */
function follow(section) {
  const [step, count, bar] = ["step", "count", "bar"].map((name) =>
    section.querySelector(`[data-draft-${name}]`),
  );

  async function look() {
    try {
      const reply = await fetch(section.dataset.draftStatus, { cache: "no-store" });
      if (!reply.ok) throw new Error(String(reply.status));
      const status = await reply.json();
      if (status.state !== "building" && status.state !== "waiting") return location.reload();
      step.textContent = status.step || "waiting for a worker";
      count.textContent = status.total ? `${status.done} of ${status.total}` : "";
      if (status.total) {
        bar.max = status.total;
        bar.value = status.done;
      } else bar.removeAttribute("value");
    } catch {
      step.textContent = "The server does not answer. Trying again.";
    }
    setTimeout(look, 1000);
  }

  setTimeout(look, 700);
}

/** Show what belongs to the chosen answer; a box that is ticked chooses its answer. */
function unfold(form) {
  const parts = [...form.querySelectorAll("[data-when]")];

  function show() {
    for (const part of parts) {
      const [name, value] = part.dataset.when.split("=");
      part.hidden = form.elements[name].value !== value;
    }
  }

  form.addEventListener("change", show);
  show();
}

document.querySelectorAll("[data-draft-status]").forEach(follow);
document.querySelectorAll("[data-choices]").forEach(unfold);
document.querySelectorAll("[data-live]").forEach(keepFresh);
document.querySelectorAll("[data-copy]").forEach(copyButton);
