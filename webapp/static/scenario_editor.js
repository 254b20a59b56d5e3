// The editor's lists can be searched, and are one stop of the Tab key each, in which arrows go from name to name as in the
// panels; a change is removed at once, and what it offers follows the selection.
(() => {
  "use strict";
  document.addEventListener("input", (event) => {
    if (!event.target.matches(".list-filter")) return;
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    document.getElementById(event.target.dataset.list).querySelectorAll("label").forEach((label) => {
      const text = label.textContent.toLowerCase();
      label.hidden = !words.every((word) => text.includes(word));
    });
    rove(document.getElementById(event.target.dataset.list));
  });
  const boxesOf = (list) => [...list.querySelectorAll("label:not([hidden]) input")];
  const rove = (list, to) => {
    const boxes = boxesOf(list), stop = to || boxes.find((box) => box.tabIndex === 0) || boxes.find((box) => box.checked) || boxes[0];
    list.querySelectorAll("input").forEach((box) => { box.tabIndex = box === stop ? 0 : -1; });
    if (to) to.focus();
  };
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".tick-list").forEach((list) => {
    list.removeAttribute("tabindex");
    list.querySelectorAll("input").forEach((box) => { box.tabIndex = -1; });
    rove(list);
  }));
  // What stands there again after a reload is looked at too.
  document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
    const fields = [...document.querySelectorAll("#editor [hx-trigger=change] input[name]")];
    fields.find((field) => field.checked !== field.defaultChecked || field.value !== field.defaultValue)?.dispatchEvent(new Event("change", { bubbles: true }));
  }));
  document.addEventListener("focusin", (event) => {
    const list = event.target.closest(".tick-list");
    if (list && event.target.tabIndex < 0) rove(list, event.target);
  });
  document.addEventListener("keydown", (event) => {
    const isFind = event.target.matches(".list-filter"), list = isFind ? document.getElementById(event.target.dataset.list) : event.target.closest(".tick-list");
    if (!list || event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
    const boxes = boxesOf(list), at = boxes.indexOf(event.target), find = document.querySelector(`[data-list="${list.id}"]`);
    const to = isFind ? { ArrowDown: boxes[0], Enter: boxes[0] }
      : { ArrowDown: boxes[at + 1], ArrowUp: boxes[at - 1] || find, Home: boxes[0], End: boxes.at(-1), Escape: find };
    if (!Object.hasOwn(to, event.key)) return;
    event.preventDefault();  // Enter in a search of a list does not send the form
    if (to[event.key] === find) find?.focus();
    else if (to[event.key]) rove(list, to[event.key]);
  });

  document.addEventListener("click", (event) => {
    const drop = event.target.closest("#editor [name=drop]");
    if (!drop) return;
    event.preventDefault();
    drop.closest("[data-change]").remove();
    document.querySelector("#editor [name=add]").focus();
  });

  // Choices of a list: what is chosen stays one of them.
  const fill = (list, choices) => {
    const chosen = new Set([...list.selectedOptions].map((one) => one.value));
    const values = new Set(choices.map(([value]) => value));
    const lost = [...list.options].filter((one) => one.selected && one.value && !values.has(one.value)).map((one) => [one.value, one.text]);
    const wanted = [...choices, ...lost];
    if (JSON.stringify(wanted.map(([value]) => value)) === JSON.stringify([...list.options].filter((one) => one.value).map((one) => one.value))) return;
    list.replaceChildren(...[...list.options].filter((one) => !one.value), ...wanted.map(([value, text]) => new Option(text, value, false, chosen.has(value))));
  };
  const named = (names) => names.map((name) => [name, name]);

  // The dates, regions, items and values that the selection has; a date that nobody typed moves into the horizon.
  const offer = () => {
    const { dates, regions, items, values } = JSON.parse(document.getElementById("offered").dataset.offered);
    const first = dates[0][0], last = dates.at(-1)[0];
    document.querySelectorAll("#changes [data-date]").forEach((field) => {
      const isTyped = field === document.activeElement || (field.localName === "input" ? field.value !== field.defaultValue || field.validity.badInput : false);
      if (field.localName === "select") fill(field, dates);
      else Object.assign(field, { min: first, max: last });
      if (isTyped || !field.value || (field.value >= first && field.value <= last)) return;
      field.value = field.dataset.date === "last" ? last : first;
      if (field.localName === "input") field.defaultValue = field.value;
      else fill(field, dates);
    });
    document.querySelectorAll("#changes [data-values]").forEach((field) => fill(field, named(values[field.dataset.values] || [])));
    document.querySelectorAll("#changes [data-only]").forEach((part) => {
      part.querySelectorAll("[data-names]").forEach((field) => {
        fill(field, named({ regions, items }[field.dataset.names]));
        field.size = Math.max(2, Math.min(field.options.length, 5));
        field.parentElement.hidden = field.options.length < 2 && !field.selectedOptions.length;
      });
      part.hidden = [...part.querySelectorAll("[data-names]")].every((field) => field.parentElement.hidden);
    });
  };
  document.addEventListener("htmx:oobAfterSwap", (event) => { if (event.detail.target?.id === "offered") offer(); });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target?.id === "changes" && document.getElementById("offered")) offer(); });
})();
