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

  // The selection of the overview: kept for this tab with its names, so that it survives paging, sorting and searching.
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

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.id === "selection") {
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
    }
    if (form.method === "post" && !form.hasAttribute("hx-post")) {
      if (form.dataset.sent) event.preventDefault();  // a second click on the same form
      form.dataset.sent = "yes";
    }
  });

  // A page that comes back, by Back, Forward or a reload, shows the selection as it is now and not as browsers remember it.
  window.addEventListener("pageshow", () => { if (selectionForm()) showSelection(selectionForm()); });

  // what a page asks without anybody's doing keeps no session alive
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.triggeringEvent) event.detail.headers["X-By-Itself"] = "yes";
  });
  // Ask again only while the page is seen; and not for a part while somebody is at work in it.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const asking = event.detail.elt;
    if (asking.dataset.live === undefined) return;
    const busy = asking.id === "table" && asking.querySelector("#bulk-bar :focus, tbody input:focus-visible");
    if (document.hidden || busy || keptFields.isTypedIn(event.detail.target)) event.preventDefault();
  });

  // What was ticked as "all that match" stays so when the table is drawn again, and the focus in the list of the selection.
  let everything = false, taken = null;
  const focusUnselect = (form, key) => [...form.querySelectorAll("[data-unselect]")].find((one) => one.value === key)?.focus();
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id === "table") {
      everything = Boolean(document.querySelector("#everything:checked"));
      taken = document.activeElement.closest("[data-unselect]")?.value;
    }
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
    const swapped = event.detail.target?.id;
    if (form && swapped === "table") {
      const box = form.querySelector("#everything");
      if (box) box.checked = everything;
      showSelection(form);
      if (taken) focusUnselect(form, taken);
    }
    if (swapped === "why" && event.detail.requestConfig.triggeringEvent && document.activeElement === document.body) document.getElementById("why-title")?.focus();  // its link is gone
    if (swapped === "changes" && (document.activeElement === document.body || document.activeElement.name === "add")) {  // nobody types elsewhere
      const added = document.querySelector("#changes > :last-child input:not([type=hidden]), #changes > :last-child select");
      if (added) added.focus();
    }
  });

  // A change that is removed from a what-if goes at once; no answer brings it back.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, triggeringEvent } = event.detail.requestConfig, drop = triggeringEvent?.submitter;
    if (elt.id !== "scenario" || drop?.name !== "drop") return;
    drop.closest("[data-change]").remove();
    elt.querySelector("[name=add]").focus();
  });

  // After a what-if: what is wrong is told at its fields, the first of which gets the focus; the answer comes into sight,
  // which it is not on a phone, where the form stands below it.
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, triggeringEvent } = event.detail.requestConfig, form = document.getElementById("scenario");
    if (elt.id !== "scenario" || !form || ![200, 422].includes(event.detail.xhr.status)) return;
    const problems = JSON.parse(document.getElementById("scenario-messages").dataset.problems);
    form.querySelectorAll("[aria-invalid]").forEach(keptFields.noProblem);
    const wrong = Object.entries(problems).map(([name, words]) => {
      const field = form.elements[name];
      if (field) keptFields.problem(field, words);
      return field;
    }).find(Boolean);
    if (triggeringEvent?.submitter?.name === "drop") return;
    if (wrong) { wrong.focus(); return; }
    if (document.activeElement === document.body) form.querySelector(".apply").focus({ preventScroll: true });  // it lost the focus while it was disabled
    const totals = document.getElementById("totals"), place = totals?.getBoundingClientRect();
    if (place && (place.bottom < 0 || place.top > window.innerHeight)) totals.scrollIntoView();
  });

  // Choices that are ticked stay when others are searched: they stand with what is selected.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.id !== "choices") return;
    const picked = document.getElementById("picked");
    event.detail.target.querySelectorAll("input:checked").forEach((box) => {
      const chip = box.closest("label");
      chip.className = "chip";
      box.after(" ");
      picked.append(chip);
    });
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== "choices") return;
    const picked = [...document.querySelectorAll("#question .chip input")];
    document.querySelectorAll("#choices input").forEach((box) => {
      if (picked.some((one) => one.name === box.name && one.value === box.value)) box.closest("li").remove();
    });
  });

  // Scenarios are compared when as many are ticked as can be.
  const countCompared = () => {
    const form = document.getElementById("compare");
    if (!form) return;
    const ticked = form.querySelectorAll("[name=s]:checked").length, { least, most } = form.dataset;
    const button = form.querySelector("#compare-ticked");
    button.disabled = ticked < Number(least) || ticked > Number(most);
    button.textContent = ticked ? _("Compare (%(count)s)", { count: ticked }) : _("Compare");
    form.querySelector("#compare-words").textContent = ticked > Number(most) ? _("At most %(most)s can be compared", { most })
      : button.disabled ? _("Tick %(least)s to %(most)s to compare", { least, most }) : "";
  };
  document.addEventListener("change", (event) => { if (event.target.closest("#compare")) countCompared(); });
  window.addEventListener("pageshow", countCompared);

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
