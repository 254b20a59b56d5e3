// The header by keyboard: the search and its suggestions, short-cuts to the screens, menus that close again.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const isOn = () => localStorage.getItem("shortcuts") !== "off";
  const isTyping = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
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
    byId("use-shortcuts").checked = isOn();
    dialog.showModal();
  };

  const search = () => {
    const field = byId("search-words"), menu = byId("menu");
    if (!field.checkVisibility()) bootstrap.Collapse.getOrCreateInstance(menu).show();
    menu.addEventListener("shown.bs.collapse", () => field.focus(), { once: true });
    field.focus();
    field.select();
  };

  let goes = 0;  // when "g" was pressed
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
    if (!byId("shortcuts") || byId("shortcuts").open || isTyping(target) || event.ctrlKey || event.metaKey || event.altKey || !isOn()) return;
    if (event.key === "/") { event.preventDefault(); search(); }
    else if (event.key === "?") { event.preventDefault(); showShortcuts(); }
    else if (event.key === "g") goes = event.timeStamp;
    else if (goes && event.timeStamp - goes < 1500) {
      goes = 0;
      document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`)?.click();
    }
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
