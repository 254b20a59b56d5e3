// What is typed or ticked stays: when its part of the page is drawn again, when the page is left or comes back. And what
// is wrong with it stands beside it until it is right.
const keptFields = (() => {
  "use strict";
  const FIELDS = "input:not([type=hidden], [type=submit], [type=button]), select, textarea";
  const isTicked = (field) => field.type === "checkbox" || field.type === "radio";

  // Whether a field holds something else than the server wrote into it, a date that is not whole yet included.
  const isChanged = (field) => {
    if (isTicked(field)) return field.checked !== field.defaultChecked;
    if (field.type === "file") return field.files.length > 0;
    if (field.localName === "select") {
      const options = [...field.options], isWritten = field.multiple || options.some((one) => one.defaultSelected);
      return options.some((one) => one.selected !== (isWritten ? one.defaultSelected : one.index === 0));
    }
    return field.value !== field.defaultValue || field.validity.badInput;
  };
  const keyOf = (field) => JSON.stringify([
    field.form?.id || field.form?.getAttribute("action"), field.name || field.id, isTicked(field) ? field.value : ""]);

  // A part that is swapped: its changed fields take the places of the new ones, with the caret and half a date in them.
  // The overview keeps its ticks itself.
  let changed = new Map(), open = [], focused = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    changed = new Map();
    open = [];
    if (!part || !event.detail.shouldSwap) return;
    part.querySelectorAll(FIELDS).forEach((field) => {
      if (!field.closest("form[data-store]") && isChanged(field)) changed.set(keyOf(field), field);
    });
    open = [...part.querySelectorAll("details[id][open]")].map((each) => each.id);
    focused = [...changed.values()].find((field) => field === document.activeElement);
  });
  document.addEventListener("htmx:afterSwap", () => {
    if ([...changed.values()].some((field) => !field.isConnected)) {
      document.querySelectorAll(FIELDS).forEach((field) => {
        const before = changed.get(keyOf(field));
        if (before && !before.isConnected) field.replaceWith(before);
      });
    }
    open.forEach((id) => { const part = document.getElementById(id); if (part?.localName === "details") part.open = true; });
    if (focused?.isConnected) focused.focus({ preventScroll: true });
    changed = new Map();
    open = [];
  });

  // Nothing asks by itself for a part in which somebody is typing.
  const isTypedIn = (part) => Boolean(part?.contains(document.activeElement) && document.activeElement.matches(FIELDS)
    && !isTicked(document.activeElement));

  // Leaving a form whose changes are kept nowhere is asked about. What the server has of it is clean.
  const guarded = () => [...document.querySelectorAll("form[data-guarded]")];
  const written = (form) => JSON.stringify([...new FormData(form)].filter(([name]) => !["csrf_token", "token"].includes(name))
    .map(([name, value]) => [name, value instanceof File ? value.name : value]));
  const clean = new WeakMap();
  const note = (form) => clean.set(form, written(form));
  document.addEventListener("DOMContentLoaded", () => guarded().filter((form) => form.dataset.guarded !== "unsaved").forEach(note));
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-guarded]") && !event.defaultPrevented) note(event.target);
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt.closest("form[data-guarded][hx-post]");
    if (form && event.detail.requestConfig.verb === "post") note(form);
  });
  ["htmx:sendError", "htmx:responseError"].forEach((name) => document.addEventListener(name, (event) => {
    const form = event.detail.elt?.closest("form[data-guarded]");
    if (form) clean.delete(form);
  }));
  window.addEventListener("beforeunload", (event) => {
    if (guarded().some((form) => clean.get(form) !== written(form))) event.preventDefault();
  });

  // A page that comes back as it was left holds old tokens: it is asked for again, unless something was typed in it.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    document.querySelectorAll("[data-carried]").forEach((field) => field.remove());
    document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
    const isTyped = [...document.querySelectorAll(FIELDS)].some((field) => field.name && !field.closest("form[data-store]") && isChanged(field));
    if (!isTyped) location.reload();
  });

  // What is wrong stands at its field until the field is right; a browser's own bubble would be gone in seconds.
  const noProblem = (field) => {
    document.getElementById(`${field.id || field.name}-error`)?.remove();
    field.classList.remove("is-invalid");
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    if (field.dataset.describedby) field.setAttribute("aria-describedby", field.dataset.describedby);
  };
  const problem = (field, words) => {
    noProblem(field);
    const told = Object.assign(document.createElement("div"), { className: "invalid-feedback d-block", textContent: words, id: `${field.id || field.name}-error` });
    const place = field.closest(".form-check, .input-group") || field;
    place.after(told);
    field.classList.add("is-invalid");
    field.setAttribute("aria-invalid", "true");
    if (!field.dataset.describedby) field.dataset.describedby = field.getAttribute("aria-describedby") || "";
    field.setAttribute("aria-describedby", `${field.dataset.describedby} ${told.id}`.trim());
    for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  };
  const limit = (field, name) => (field.type === "date" && typeof inLocale !== "undefined" ? inLocale.day(field[name]) : field[name]);
  const words = (field) => {
    const { valueMissing, rangeUnderflow, rangeOverflow, badInput, stepMismatch } = field.validity;
    if (badInput) return field.type === "date" ? _("Give a whole date.") : _("Give a number.");
    if (valueMissing) return field.localName === "select" ? _("Choose one.") : field.type === "checkbox" ? _("Tick this to continue.") : _("Fill this in.");
    if (rangeUnderflow || rangeOverflow) {
      if (field.min && field.max) return _("Allowed: %(least)s to %(most)s.", { least: limit(field, "min"), most: limit(field, "max") });
      return field.min ? _("Allowed: %(least)s or more.", { least: limit(field, "min") }) : _("Allowed: %(most)s or less.", { most: limit(field, "max") });
    }
    return stepMismatch && Number(field.step || 1) === 1 ? _("Give a whole number.") : field.validationMessage;
  };
  let isFirst = true;
  document.addEventListener("invalid", (event) => {
    event.preventDefault();
    problem(event.target, words(event.target));
    if (!isFirst) return;
    isFirst = false;
    event.target.focus();
    setTimeout(() => { isFirst = true; });
  }, true);
  ["input", "change"].forEach((name) => document.addEventListener(name, (event) => {
    if (event.target.matches?.("[aria-invalid]") && event.target.validity.valid) noProblem(event.target);
  }));

  return { isTypedIn, problem, noProblem };
})();
