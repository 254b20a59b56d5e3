// The selection of the overview: kept for this tab with its names, so that it survives paging, sorting and searching.
(() => {
  "use strict";
  const read = (form) => new Map(JSON.parse(sessionStorage.getItem(form.dataset.store) || "[]").map((kept) => (
    Array.isArray(kept) ? kept : [kept, kept.replace("|", " · ")])));
  const write = (form, selected) => sessionStorage.setItem(form.dataset.store, JSON.stringify([...selected]));
  const boxes = (form) => [...form.querySelectorAll("input[name=ri][type=checkbox]")];

  // What is selected, each with a button that takes it out: also what another page of the table holds.
  const listSelection = (list, selected) => list.replaceChildren(...[...selected].map(([key, name]) => {
    const entry = document.createElement("li"), out = document.createElement("button");
    Object.assign(entry, { className: "chip", textContent: `${name} ` });
    Object.assign(out, { type: "button", className: "btn-close btn-close-sm", value: key });
    out.setAttribute("aria-label", _("Unselect %(name)s", { name }));
    out.dataset.unselect = "";
    entry.append(out);
    return entry;
  }));

  const showSelection = (form) => {
    const selected = read(form), all = form.querySelector("#everything"), count = form.querySelector("#selected-count");
    if (!count) return;
    const everything = all.checked, size = everything ? Number(form.dataset.matching) : selected.size;
    boxes(form).forEach((box) => { box.checked = everything || selected.has(box.value); box.disabled = everything; });
    const page = form.querySelector("#tick-page"), ticked = boxes(form).filter((box) => box.checked).length;
    page.checked = ticked > 0 && ticked === boxes(form).length;
    page.indeterminate = ticked > 0 && !page.checked;
    page.disabled = everything;
    count.textContent = size ? _n("%(num)s selected", "%(num)s selected", size) : count.dataset.none;
    form.querySelectorAll("#bulk-bar button:not([type=button])").forEach((button) => { button.disabled = size === 0; });
    form.querySelector("#clear-selection").hidden = size === 0;
    form.querySelector("#bulk-bar").classList.toggle("is-empty", size === 0);
    form.querySelector("#show-selected").hidden = everything || size === 0;
    listSelection(form.querySelector("#selected-names"), everything ? new Map() : selected);
  };

  const selectionForm = () => document.getElementById("selection");
  const focusUnselect = (form, key) => [...form.querySelectorAll("[data-unselect]")].find((one) => one.value === key)?.focus();

  document.addEventListener("change", (event) => {
    const form = event.target.closest("#selection");
    if (!form) return;
    const selected = read(form);
    const touched = event.target.id === "tick-page" ? boxes(form) : event.target.name === "ri" ? [event.target] : [];
    touched.forEach((box) => (event.target.checked ? selected.set(box.value, box.dataset.name) : selected.delete(box.value)));
    write(form, selected);
    showSelection(form);
  });

  document.addEventListener("click", (event) => {
    const form = selectionForm(), out = event.target.closest("[data-unselect]");
    if (form && out) {
      const selected = read(form), next = out.parentElement.nextElementSibling || out.parentElement.previousElementSibling;
      const following = next?.querySelector("button").value;
      selected.delete(out.value);
      write(form, selected);
      showSelection(form);
      if (following) focusUnselect(form, following);
      else form.querySelector("#everything").focus();
    }
    if (event.target.id !== "clear-selection") return;
    write(form, []);
    form.querySelector("#everything").checked = false;
    showSelection(form);
  });

  // What is selected on other pages of the table is sent with what is ticked on this one.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id !== "selection") return;
    const shown = new Set(boxes(form).map((box) => box.value));
    if (!form.querySelector("#everything").checked) {
      read(form).forEach((_name, key) => {
        if (shown.has(key)) return;
        const field = Object.assign(document.createElement("input"), { type: "hidden", name: "ri", value: key });
        field.dataset.carried = "";
        form.append(field);
      });
    }
    if (!event.submitter || !event.submitter.hasAttribute("formaction")) write(form, []);
  });

  // A page that comes back, by Back, Forward or a reload, shows the selection as it is now and not as browsers remember it.
  const show = () => { if (selectionForm()) showSelection(selectionForm()); };
  window.addEventListener("pageshow", show);
  document.addEventListener("DOMContentLoaded", show);

  // What was ticked as "all that match" stays so when the table is drawn again, and the focus in the list of the selection.
  let everything = false, taken = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "table") return;
    everything = Boolean(document.querySelector("#everything:checked"));
    taken = document.activeElement.closest("[data-unselect]")?.value;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const form = selectionForm();
    if (!form || event.detail.target?.id !== "table") return;
    const box = form.querySelector("#everything");
    if (box) box.checked = everything;
    showSelection(form);
    if (taken) focusUnselect(form, taken);
  });
})();
