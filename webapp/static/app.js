// What the pages do beyond htmx: local times, forms that are sent once, polling only while seen, the focus after a
// what-if, tables that scroll by keyboard.
(() => {
  "use strict";

  // Times are written in UTC by the server and shown in the browser's zone, in the locale that the server writes in.
  const locale = document.documentElement.dataset.locale;
  const localTimes = (root) => root.querySelectorAll("time[data-local]").forEach((time) => {
    const at = new Date(time.dateTime);
    const isToday = at.toDateString() === new Date().toDateString();
    const clock = at.toLocaleTimeString(locale, { timeStyle: "short" });
    time.textContent = isToday && time.dataset.local === "short" ? _("today, %(time)s", { time: clock }) : `${at.toLocaleDateString(locale, { dateStyle: "medium" })}, ${clock}`;
    time.title = at.toLocaleString(locale, { dateStyle: "long", timeStyle: "long" });
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "post" && !form.hasAttribute("hx-post")) {
      if (form.dataset.sent) event.preventDefault();  // a second click on the same form
      form.dataset.sent = "yes";
    }
  });

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

  // A list is searched while its field is typed in. That the field is left asks nothing more: it would take the place of what
  // the click that left it asks for.
  document.addEventListener("change", (event) => { if (event.target.matches("#filters :is(#q, .panel-find)")) event.stopPropagation(); }, true);

  document.addEventListener("htmx:beforeSwap", () => { document.getElementById("no-answer").hidden = true; });

  const unanswered = () => { document.getElementById("no-answer").hidden = false; };
  document.addEventListener("htmx:sendError", unanswered);
  document.addEventListener("htmx:responseError", unanswered);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) document.getElementById("no-answer").hidden = true;
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    localTimes(document);
    const swapped = event.detail.target?.id;
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

  // Tabs that scroll sideways begin with the one that is shown in sight.
  const shownTabs = () => document.querySelectorAll(".nav-tabs").forEach((tabs) => {
    const active = tabs.querySelector(".active");
    if (active) tabs.scrollLeft = active.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - active.offsetWidth) / 2;
    fade(tabs);
    tabs.addEventListener("scroll", () => fade(tabs), { passive: true });
  });
  const fade = (tabs) => tabs.classList.toggle("has-more", tabs.scrollLeft + tabs.clientWidth < tabs.scrollWidth - 1);  // more at the right

  document.addEventListener("DOMContentLoaded", () => {
    reachable();
    shownTabs();
    localTimes(document);
  });
})();
