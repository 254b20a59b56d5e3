// What the pages do beyond htmx: local times, the selection that survives paging, polling only while seen, tables that
// scroll by keyboard.
(() => {
  "use strict";

  // Times are written in UTC by the server and shown in the browser's zone, in the locale that the server writes in.
  const locale = document.documentElement.dataset.locale;
  const localTimes = (root) => root.querySelectorAll("time[data-local]").forEach((time) => {
    const at = new Date(time.dateTime);
    const isToday = at.toDateString() === new Date().toDateString();
    const clock = at.toLocaleTimeString(locale, { timeStyle: "short" });
    time.textContent = isToday && time.dataset.local === "short" ? clock : `${at.toLocaleDateString(locale, { dateStyle: "medium" })}, ${clock}`;
    time.title = at.toLocaleString(locale, { dateStyle: "long", timeStyle: "long" });
  });

  // The selection of the overview: kept for this tab, so that it survives paging, sorting and searching.
  const read = (form) => new Set(JSON.parse(sessionStorage.getItem(form.dataset.store) || "[]"));
  const write = (form, keys) => sessionStorage.setItem(form.dataset.store, JSON.stringify([...keys]));
  const boxes = (form) => [...form.querySelectorAll("input[name=ri][type=checkbox]")];

  const showSelection = (form) => {
    const keys = read(form), all = form.querySelector("#everything"), count = form.querySelector("#selected-count");
    if (!count) return;
    const everything = all.checked, size = everything ? Number(form.dataset.matching) : keys.size;
    boxes(form).forEach((box) => { box.checked = everything || keys.has(box.value); box.disabled = everything; });
    const page = form.querySelector("#tick-page"), ticked = boxes(form).filter((box) => box.checked).length;
    page.checked = ticked > 0 && ticked === boxes(form).length;
    page.indeterminate = ticked > 0 && !page.checked;
    page.disabled = everything;
    count.textContent = size ? `${size} selected` : count.dataset.none;
    form.querySelectorAll("#bulk-bar button:not([type=button])").forEach((button) => { button.disabled = size === 0; });
    form.querySelector("#clear-selection").hidden = size === 0;
    form.querySelector("#bulk-bar").classList.toggle("is-empty", size === 0);
  };

  const selectionForm = () => document.getElementById("selection");

  document.addEventListener("change", (event) => {
    const form = event.target.closest("#selection");
    if (!form) return;
    const keys = read(form);
    const touched = event.target.id === "tick-page" ? boxes(form) : event.target.name === "ri" ? [event.target] : [];
    touched.forEach((box) => (event.target.checked ? keys.add(box.value) : keys.delete(box.value)));
    write(form, keys);
    showSelection(form);
  });

  document.addEventListener("click", (event) => {
    if (event.target.id !== "clear-selection") return;
    const form = selectionForm();
    write(form, []);
    form.querySelector("#everything").checked = false;
    showSelection(form);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id === "selection") {
      const shown = new Set(boxes(form).map((box) => box.value));
      if (!form.querySelector("#everything").checked) {
        read(form).forEach((key) => {
          if (shown.has(key)) return;
          const field = Object.assign(document.createElement("input"), { type: "hidden", name: "ri", value: key });
          field.dataset.carried = "";
          form.append(field);
        });
      }
      if (!event.submitter || !event.submitter.hasAttribute("formaction")) write(form, []);
    }
    if (form.method === "post" && !form.hasAttribute("hx-post")) {
      if (form.dataset.sent) event.preventDefault();  // a second click on the same form
      form.dataset.sent = "yes";
    }
  });

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();  // an old page holds old tokens
  });

  // Ask again only while the page is seen; and not for the table while somebody is at work in it.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const asking = event.detail.elt;
    if (asking.dataset.live === undefined) return;
    const busy = asking.id === "table" && asking.querySelector("#bulk-bar :focus, tbody input:focus-visible");
    if (document.hidden || busy) event.preventDefault();
  });

  // What was ticked as "all that match" stays so when the table is drawn again.
  let everything = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "table") everything = Boolean(document.querySelector("#everything:checked"));
    document.getElementById("no-answer").hidden = true;
  });

  const unanswered = () => { document.getElementById("no-answer").hidden = false; };
  document.addEventListener("htmx:sendError", unanswered);
  document.addEventListener("htmx:responseError", unanswered);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) document.getElementById("no-answer").hidden = true;
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    localTimes(document);
    const form = selectionForm();
    if (form && event.detail.target.id === "table") {
      const box = form.querySelector("#everything");
      if (box) box.checked = everything;
      showSelection(form);
    }
    if (event.detail.target.id === "why") document.getElementById("why-title")?.focus();
    if (event.detail.target.id === "changes") {
      const added = document.querySelector("#changes > :last-child input:not([type=hidden]), #changes > :last-child select");
      if (added) added.focus();
    }
  });

  // After a what-if: a wrong value, or what is next after a removed change, gets the focus; the answer comes into sight,
  // which it is not on a phone, where the form stands below it.
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, triggeringEvent } = event.detail.requestConfig;
    if (elt.id !== "scenario") return;
    const form = document.getElementById("scenario"), wrong = form?.querySelector("[aria-invalid]");
    if (wrong) { wrong.focus(); return; }
    if (triggeringEvent?.submitter?.name === "drop") { form.querySelector("[name=add]").focus(); return; }
    form?.querySelector(".apply").focus({ preventScroll: true });  // it lost the focus while it was disabled
    const totals = document.getElementById("totals"), place = totals?.getBoundingClientRect();
    if (place && (place.bottom < 0 || place.top > window.innerHeight)) totals.scrollIntoView();
  });

  // A table that is wider than its place can be scrolled by keyboard too.
  const reachable = () => document.querySelectorAll(".table-responsive").forEach((box) => {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
  window.addEventListener("resize", reachable);
  document.addEventListener("htmx:afterSettle", reachable);
  document.addEventListener("toggle", reachable, true);  // what a <details> hides has no width

  document.addEventListener("DOMContentLoaded", () => {
    reachable();
    localTimes(document);
    if (selectionForm()) showSelection(selectionForm());
  });
})();
