// What is done on a page that is still being loaded, before its scripts listen.
(() => {
  "use strict";
  // Back and forward between addresses of one page: htmx asks for the page again, once it listens. Who goes on before that would
  // be left with another address's content.
  const address = () => location.pathname + location.search, loaded = address();
  document.addEventListener("DOMContentLoaded", () => { if (address() !== loaded) location.reload(); });

  // What is ticked, chosen or typed before that is told again once they do, so that it counts then and not with the next tick.
  const early = new Map();
  const keep = ({ target, type, isTrusted }) => {
    if (isTrusted) early.set(target, { types: new Set(early.get(target)?.types).add(type), checked: target.checked });
  };
  ["input", "change"].forEach((type) => document.addEventListener(type, keep, true));
  document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
    ["input", "change"].forEach((type) => document.removeEventListener(type, keep, true));
    early.forEach(({ types, checked }, field) => {
      if (!field.isConnected || address() !== loaded) return;
      if (checked !== undefined) field.checked = checked;
      types.forEach((type) => field.dispatchEvent(new Event(type, { bubbles: true })));
    });
    early.clear();
  }));
})();
