// Keys of single letters: they rest while somebody types and where short-cuts are switched off; and the one after "g"
// leads to another screen.
const shortcuts = (() => {
  "use strict";
  const TYPED = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog[open]";
  const LONGEST = 1500;  // milliseconds between "g" and the other
  const isOn = () => localStorage.getItem("shortcuts") !== "off";
  const areResting = (event) => event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !isOn() || event.target.closest(TYPED) !== null;
  let goes = 0, second = null;  // when "g" was pressed; the key after it
  document.addEventListener("keydown", (event) => {
    second = goes && event.timeStamp - goes < LONGEST ? event : null;
    goes = event.key === "g" && !areResting(event) ? event.timeStamp : 0;
  }, true);
  return { isOn, areResting, isSecond: (event) => event === second };
})();

// The header by keyboard: the search and its suggestions, short-cuts to the screens, menus that close again.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const close = () => { const place = byId("suggestions"); if (place) place.replaceChildren(); };

  const showShortcuts = () => {
    const dialog = byId("shortcuts"), list = dialog.querySelector("ul");
    if (!list.dataset.filled) {
      list.dataset.filled = "yes";
      document.querySelectorAll("[data-shortcut]").forEach((link) => {
        const entry = list.appendChild(document.createElement("li")), keys = entry.appendChild(document.createElement("span"));
        keys.className = "keys";
        ["g", link.dataset.shortcut].forEach((key) => keys.append(Object.assign(document.createElement("kbd"), { textContent: key }), " "));
        entry.append(` ${link.textContent}`);
      });
    }
    byId("use-shortcuts").checked = shortcuts.isOn();
    dialog.showModal();
  };

  const search = () => {
    const field = byId("search-words"), menu = byId("menu");
    if (!field.checkVisibility()) {
      menu.addEventListener("shown.bs.collapse", () => field.focus(), { once: true });
      bootstrap.Collapse.getOrCreateInstance(menu).show();
    }
    field.focus();
    field.select();
  };

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.key === "Escape") {
      if (target.closest("#search")) { close(); byId("search-words").focus(); }
      document.querySelectorAll(".popover-menu[open]").forEach((menu) => { menu.open = false; menu.firstElementChild.focus(); });
    }
    if (target.closest("#search") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const stops = [byId("search-words"), ...byId("suggestions").querySelectorAll("a")];
      const next = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) { next.focus(); event.preventDefault(); }
      return;
    }
    if (!byId("shortcuts") || shortcuts.areResting(event)) return;
    if (event.key === "/") { event.preventDefault(); search(); }
    else if (event.key === "?") { event.preventDefault(); showShortcuts(); }
    else if (shortcuts.isSecond(event)) document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`)?.click();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("#show-shortcuts")) showShortcuts();
    if (!event.target.closest("#search")) close();
    document.querySelectorAll(".popover-menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  document.addEventListener("change", (event) => {
    if (event.target.id === "use-shortcuts") localStorage.setItem("shortcuts", event.target.checked ? "on" : "off");
  });
})();
