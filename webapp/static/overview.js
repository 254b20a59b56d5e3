// Shift-click on a heading of the overview sorts by it too.
(() => {
  "use strict";

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.sort[data-add]");
    if (!link || !event.shiftKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    htmx.ajax("GET", link.dataset.add, { source: link, target: "#table", swap: "outerHTML" });
  }, true);
})();

// The table by keyboard, with the keys of the list of work: row to row, ticked, and to the buttons for what is ticked,
// which Tab reaches only behind all rows. The keys rest while somebody types, and where short-cuts are switched off.
(() => {
  "use strict";
  const boxes = () => [...document.querySelectorAll("#selection tbody input[name=ri]")];
  const current = () => document.activeElement?.closest?.("#selection tbody tr");
  const go = (step) => {
    const all = boxes(), at = all.findIndex((box) => box.closest("tr") === current());
    all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)]?.focus();
  };
  const ACTS = {
    j: () => go(1),
    k: () => go(-1),
    x: () => current()?.querySelector("input[name=ri]").click(),
    o: () => current()?.querySelector("th a").click(),
    b: () => document.querySelector("#bulk-bar button[type=submit]:not(:disabled)")?.focus(),
  };
  document.addEventListener("keydown", (event) => {
    if (shortcuts.areResting(event) || shortcuts.isSecond(event)) return;
    if (!Object.hasOwn(ACTS, event.key) || !boxes().length) return;
    event.preventDefault();
    ACTS[event.key]();
  });
})();
