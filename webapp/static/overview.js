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
