// The list of work by keyboard: entry to entry, ticked, and every act without a mouse. The keys act on what is ticked, or
// on the entry that has the focus; they rest while somebody types, and where short-cuts are switched off.
(() => {
  "use strict";
  const form = () => document.getElementById("work");
  const locale = document.documentElement.dataset.locale;
  const KEPT_ROW = "work:row", KEPT_REASON = "work:reason";
  const rows = () => [...form().querySelectorAll("tbody tr")];
  const box = (row) => row.querySelector("input[name=entry]");
  const stop = (row) => box(row) || row.querySelector("a.open");
  const boxes = () => [...form().querySelectorAll("input[name=entry]")];
  const current = () => document.activeElement?.closest?.("#work tbody tr");
  const place = () => rows().indexOf(current());
  let last = null;  // the row that had the focus before a field of the bar has it

  const count = () => {
    const told = document.getElementById("ticked-count");
    if (!told) return;
    const all = document.getElementById("every-entry"), ticked = boxes().filter((one) => one.checked);
    const tasks = ticked.reduce((sum, one) => sum + one.value.split(" ").length, 0);  // of one cause are one line
    const page = document.getElementById("tick-work");
    boxes().forEach((one) => { one.disabled = all.checked; });
    page.disabled = all.checked;
    page.checked = ticked.length > 0 && ticked.length === boxes().length;
    page.indeterminate = ticked.length > 0 && !page.checked;
    document.getElementById("work-bar").classList.toggle("is-empty", !all.checked && !tasks);
    told.textContent = all.checked ? _n("%(num)s ticked", "%(num)s ticked", Number(form().dataset.matching)) : tasks ? _n("%(num)s ticked", "%(num)s ticked", tasks) : _("Tick what to resolve, assign, snooze or retrain");
  };

  const go = (step) => {
    const all = rows(), at = place();
    const next = all[at < 0 ? (last && all.includes(last) ? all.indexOf(last) : 0) : Math.min(Math.max(at + step, 0), all.length - 1)];
    if (next) stop(next).focus();
  };

  // Without a tick the entry with the focus is meant.
  const meant = () => {
    if (document.getElementById("every-entry").checked || boxes().some((one) => one.checked)) return true;
    const row = current() || last;
    if (!row || !row.isConnected) return false;
    box(row).checked = true;
    count();
    return true;
  };
  const press = (act) => { if (meant()) form().querySelector(`button[name=act][value=${act}]`).click(); };
  const fill = (id, value) => {
    if (!meant()) return;
    const field = document.getElementById(id);
    if (value && !field.value) field.value = value;
    field.focus();
    if (field.select) field.select();
  };
  const inAWeek = () => { const day = new Date(); day.setDate(day.getDate() + 7); return `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`; };

  const ACTS = {
    j: () => go(1),
    k: () => go(-1),
    o: () => current()?.querySelector("a.open").click(),
    x: () => { const row = current(); if (row && box(row)) box(row).click(); },
    m: () => press("take"),
    a: () => fill("owner-wanted"),
    s: () => fill("work-until", inAWeek()),
    e: () => fill("work-reason", sessionStorage.getItem(KEPT_REASON)),
    y: () => fill("work-reason", _("as usual at that time")),
    r: () => { if (meant()) document.getElementById("work-retrain").click(); },
    u: () => press("reopen"),
  };
  const READING = ["j", "k", "o"];

  let accepting = false;  // whether "y" was pressed
  document.addEventListener("keydown", (event) => {
    if (!form() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target, bar = target.closest("#work-bar");
    if (event.key === "Enter" && target.name === "entry") { event.preventDefault(); ACTS.o(); return; }
    if (event.key === "Enter" && bar && target.matches("#work-reason, #work-until, #owner-wanted, #due-wanted")) {
      event.preventDefault();
      press({ "work-reason": accepting ? "accept" : "resolve", "work-until": "snooze" }[target.id] || "assign");
      return;
    }
    if (event.key === "Escape" && bar && last) { event.preventDefault(); stop(last).focus(); return; }
    if (shortcuts.areResting(event) || shortcuts.isSecond(event)) return;
    const may = Boolean(document.getElementById("work-bar"));
    if (!Object.hasOwn(ACTS, event.key) || (!may && !READING.includes(event.key))) return;
    event.preventDefault();
    accepting = event.key === "y";
    ACTS[event.key]();
  });

  document.addEventListener("focusin", (event) => { if (form() && event.target.closest("#work tbody tr")) last = event.target.closest("tr"); });
  document.addEventListener("change", (event) => {
    if (!event.target.closest("#work")) return;
    if (event.target.id === "tick-work") boxes().forEach((one) => { one.checked = event.target.checked; });
    count();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "work") return;
    if (last) sessionStorage.setItem(KEPT_ROW, String(rows().indexOf(last)));
    const reason = document.getElementById("work-reason")?.value;
    if (reason && event.submitter?.value === "resolve") sessionStorage.setItem(KEPT_REASON, reason);
  });

  // After an act the focus is where it was, so that the next entry is under it.
  const take = () => {
    const kept = sessionStorage.getItem(KEPT_ROW);
    sessionStorage.removeItem(KEPT_ROW);
    if (!form()) return;
    count();
    if (kept === null || !rows().length) return;
    stop(rows()[Math.min(Math.max(Number(kept), 0), rows().length - 1)]).focus();
  };
  document.addEventListener("DOMContentLoaded", take);
  document.addEventListener("htmx:afterSwap", () => { if (form()) count(); });
  window.addEventListener("pageshow", () => { if (form()) count(); });
})();
