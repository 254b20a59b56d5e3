// The panels of items, regions and time: open where there is room for them, unless somebody closed them in this tab; the
// place in a list stays while its values are counted again.
(() => {
  "use strict";
  const panels = () => document.getElementById("panels"), kept = "panels:open";
  const start = () => {
    if (!panels()) return;
    const chosen = sessionStorage.getItem(kept), isWide = window.matchMedia("(min-width: 768px)").matches;
    const isAsked = location.hash === "#panels";
    if (panels().dataset.of === "overview") panels().open = isAsked || (chosen ? chosen === "yes" : isWide);
    else if (!isWide && !isAsked) panels().open = false;
    panels().querySelector("summary").addEventListener("click", () => sessionStorage.setItem(kept, panels().open ? "no" : "yes"));
  };
  document.addEventListener("DOMContentLoaded", start);

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
