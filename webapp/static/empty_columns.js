// Columns of a list in which nothing stands on this page are left out; a line below says which, and shows them again.
(() => {
  "use strict";
  const shown = new Set();  // captions of lists whose reader wants all columns
  const isEmpty = (cell) => ["", "–"].includes(cell.textContent.trim()) && !cell.querySelector("a, button, input, svg, progress");

  const tidy = (table) => {
    const caption = table.caption?.textContent.trim() ?? "";
    const head = table.tHead?.rows, rows = [...table.tBodies, ...(table.tFoot ? [table.tFoot] : [])].flatMap((part) => [...part.rows]);
    if (!head || head.length !== 1 || !rows.length || shown.has(caption)) return;
    const heads = [...head[0].cells];
    if (rows.some((row) => row.cells.length !== heads.length)) return;
    const empty = heads.map((__, place) => place).filter((place) => place > 0 && heads[place].textContent.trim() && !heads[place].querySelector(".visually-hidden")
      && !heads[place].hasAttribute("aria-sort") && rows.every((row) => isEmpty(row.cells[place])));
    if (!empty.length) return;
    const cells = empty.flatMap((place) => [heads[place], ...rows.map((row) => row.cells[place])]);
    cells.forEach((cell) => { cell.hidden = true; });
    const note = document.createElement("p"), button = document.createElement("button");
    note.className = "small text-body-secondary mt-2 mb-0 empty-columns d-none d-md-block";  // a phone shows no columns
    const said = _("Hidden because empty: %(columns)s.", { columns: empty.map((place) => heads[place].textContent.trim()).join(", ") });
    note.textContent = `${said} `;
    Object.assign(button, { type: "button", className: "btn btn-link btn-sm p-0 align-baseline", textContent: _("Show") });
    button.addEventListener("click", () => { shown.add(caption); cells.forEach((cell) => { cell.hidden = false; }); note.remove(); });
    note.append(button);
    (table.closest(".table-responsive") ?? table).after(note);
  };

  const tidyAll = (within) => within.querySelectorAll("table.stack:not([data-tidy])").forEach((table) => { table.dataset.tidy = "yes"; tidy(table); });
  document.addEventListener("DOMContentLoaded", () => tidyAll(document));
  document.addEventListener("htmx:afterSettle", () => tidyAll(document));
})();
