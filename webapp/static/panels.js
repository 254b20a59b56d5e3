// The panels of items, regions and time: open where there is room for them, unless somebody closed them in this tab; the
// place in a list stays while its values are counted again. By keyboard, Enter and arrow down go from a panel's search into
// its values, arrows from value to value, and Escape back.
(() => {
  "use strict";
  const panels = () => document.getElementById("panels"), kept = "panels:open";
  const start = () => {
    if (!panels()) return;
    const chosen = sessionStorage.getItem(kept), isWide = window.matchMedia("(min-width: 768px)").matches;
    const isAsked = location.hash === "#panels";
    if (panels().dataset.of === "overview") panels().open = isAsked || (chosen ? chosen === "yes" : isWide && !("folded" in panels().dataset));
    else if (!isWide && !isAsked) panels().open = false;
    panels().querySelector("summary").addEventListener("click", () => sessionStorage.setItem(kept, panels().open ? "no" : "yes"));
    if (panels().open) setTimeout(() => panels().dispatchEvent(new Event("toggle")));  // it was opened before htmx listened
  };
  document.addEventListener("DOMContentLoaded", start);

  document.addEventListener("keydown", (event) => {
    const panel = event.target.closest?.(".panel-axis"), find = panel?.querySelector(".panel-find");
    const values = [...panel?.querySelectorAll(".panel-scroll input[type=checkbox]") ?? []], at = values.indexOf(event.target);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    let next = null;
    if (!panel || event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
    if (event.target === find && (event.key === "Enter" || step === 1)) next = values[0] ?? find;
    else if (at >= 0 && step) next = values[at + step] ?? (step < 0 ? find : null);
    else if (event.key === "Escape" && event.target !== find) next = find ?? panel.closest("details")?.querySelector("summary");
    if (!next) return;
    event.preventDefault();
    next.focus();
  });

  let places = new Map();
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const box = event.detail.target?.closest?.(".panel-scroll");
    if (box) places.set(event.detail.target.id, box.scrollTop);
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    const box = document.getElementById(event.detail.target?.id)?.closest(".panel-scroll");
    if (box && places.has(event.detail.target.id)) box.scrollTop = places.get(event.detail.target.id);
  });
})();
