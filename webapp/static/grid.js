// The grid under the chart: a column for each period or a sum of several, a row for each measure. Overrides are typed
// into it and saved together; the chart follows at once. By the pattern "grid" of the WAI-ARIA Authoring Practices.
(() => {
  "use strict";
  const { frequency } = document.documentElement.dataset;
  const { period } = inLocale;
  const { byId, conflicts, drivers, known, make, plural, state, typed, wrong } = gridState;
  const { ahead } = gridPeriods;
  const { canEdit, contentWords, held, row, rowTitle, shown, valueOf, wanted } = gridValues;
  const { draft, draftComment, draw, refresh, refreshDetail, tell } = gridDrawing;
  const { act, back, enter, kept, same, strip } = gridChanges;

  // Moving, selecting, typing.
  const cellAt = ({ row: at, column }) => state.cells[at]?.[column];
  const rectangle = () => {
    const from = state.anchor ?? state.active;
    return { top: Math.min(from.row, state.active.row), bottom: Math.max(from.row, state.active.row), left: Math.min(from.column, state.active.column), right: Math.max(from.column, state.active.column) };
  };
  const pick = (to, extend = false, focus = true) => {
    const firstRow = state.bucket === frequency ? 1 : 0;
    to = { row: Math.max(firstRow, Math.min(to.row, state.cells.length - 1)), column: Math.max(0, Math.min(to.column, state.columns.length - 1)) };
    if (state.active && cellAt(state.active)) { cellAt(state.active).tabIndex = -1; cellAt(state.active).removeAttribute("aria-describedby"); }
    state.anchor = extend ? state.anchor ?? state.active : null;
    state.active = to;
    state.picked.forEach((cell) => { cell.classList.remove("grid-picked"); cell.removeAttribute("aria-selected"); });
    const { top, bottom, left, right } = rectangle();
    state.picked = state.anchor ? state.cells.slice(Math.max(top, 1), bottom + 1).flatMap((line) => line.slice(left, right + 1)) : [];
    state.picked.forEach((cell) => { cell.classList.add("grid-picked"); cell.ariaSelected = "true"; });
    const cell = cellAt(state.active);
    cell.tabIndex = 0;
    if (state.data.rows[state.active.row - 1]?.name === "override") cell.setAttribute("aria-describedby", "grid-detail");
    refreshDetail();
    if (focus) { cell.focus({ preventScroll: true }); reveal(cell); }
  };
  const reveal = (cell) => {
    const box = byId("grid-place"), name = box.querySelector(".grid-name").offsetWidth;
    if (cell.offsetLeft < box.scrollLeft + name) box.scrollLeft = cell.offsetLeft - name - 4;
    else if (cell.offsetLeft + cell.offsetWidth > box.scrollLeft + box.clientWidth) box.scrollLeft = cell.offsetLeft + cell.offsetWidth - box.clientWidth + 4;
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const toggle = (column) => {
    if (!column.isSum) return;
    if (state.opened.has(column.key)) state.opened.delete(column.key); else state.opened.add(column.key);
    draw();
    pick({ row: 0, column: state.columns.findIndex((each) => each.key === column.key) });
  };
  const edit = (text) => {
    const one = state.data.rows[state.active.row - 1], column = state.columns[state.active.column];
    if (!one || !canEdit(one, column)) { state.message = one ? (state.data.is_editable ? _("Only Override and drivers ahead can be changed.") : "") : ""; tell(); return; }
    const cell = cellAt(state.active), found = shown(one, column);
    const before = one.name === "override" && !column.isSum && !wrong.has(column.key) && wanted(column.places[0]).way === "value" ? typedNumbers.write(wanted(column.places[0]).amount)
      : one.name === "override" && column.isSum && !wrong.has(column.key) ? "" : one.kind === "driver" && typeof found.value === "number" && one.driver_kind === "number" ? typedNumbers.write(found.value) : (found.text ?? "").replace("\u00a0", " ");
    state.editor = make("input", { type: "text", className: "grid-editor", value: text ?? before, autocomplete: "off", spellcheck: false });
    state.editor.ariaLabel = `${rowTitle(one)}, ${column.name}`;
    state.editor.dataset.before = before;
    cell.replaceChildren(state.editor);
    state.editor.focus();
    if (text === undefined) state.editor.select();
  };
  const leave = (isKept, step = 0) => {
    if (!state.editor) return;
    const field = state.editor, one = state.data.rows[state.active.row - 1], column = state.columns[state.active.column];
    state.editor = null;
    field.remove();
    if (isKept && field.value !== field.dataset.before) enter([[one, column, field.value]]);
    refresh(new Set([column.key]));
    if (step !== null) pick({ row: state.active.row, column: state.active.column + step });
  };
  const selected = () => {
    const { top, bottom, left, right } = rectangle(), found = [];
    for (let at = Math.max(top, 1); at <= bottom; at += 1) for (let place = left; place <= right; place += 1) found.push([state.data.rows[at - 1], state.columns[place]]);
    return found;
  };
  const clear = () => {
    const pairs = selected().filter(([one, column]) => canEdit(one, column)).map(([one, column]) => [one, column, ""]);
    if (pairs.length) enter(pairs);
  };
  const textToFill = (one, column) => {
    if (one.kind === "driver") { const found = valueOf(one, column.places[0]); return one.driver_kind === "yes_no" ? (Number(found) ? _("yes") : _("no")) : typeof found === "number" ? typedNumbers.write(found) : String(found ?? ""); }
    if (wrong.has(column.key)) return wrong.get(column.key).text;
    const contents = ahead(column).map(wanted), [first] = contents;
    if (!first || !contents.every((each) => each.way === first.way)) return "";
    if (first.way === "value") return typedNumbers.write(contents.reduce((sum, each) => sum + each.amount, 0));
    return first.way ? `${first.amount < 0 ? "-" : "+"}${typedNumbers.write(Math.abs(first.amount))} %` : "";
  };
  const fill = () => {
    if (!state.active || !state.data.rows[state.active.row - 1]) { state.message = _("Choose a cell of the row Override first."); tell(); return; }
    const { left, right, top, bottom } = rectangle(), pairs = [];
    for (let at = Math.max(top, 1); at <= bottom; at += 1) {
      const one = state.data.rows[at - 1], from = left === right ? left - 1 : left;
      for (let place = left === right ? left : left + 1; place <= right; place += 1) {
        if (state.columns[from] && canEdit(one, state.columns[place]) && ahead(state.columns[from]).length) pairs.push([one, state.columns[place], textToFill(one, state.columns[from])]);
      }
    }
    if (pairs.length) enter(pairs);
    else { state.message = _("Select cells of the row Override, the first with the value to fill in."); tell(); }
  };
  const comment = () => {
    const places = state.active && state.data.rows[state.active.row - 1]?.name === "override" ? [...new Set(selected().flatMap(([one, column]) => (one.name === "override" ? ahead(column) : [])))].filter((place) => wanted(place).way) : [];
    if (!places.length) { state.message = _("Choose overrides to comment first."); tell(); return; }
    const dialog = make("dialog", { id: "grid-dialog" }), field = make("input", { className: "form-control mb-3", maxLength: state.data.limits.longest_comment, value: wanted(places[0]).comment || "", id: "grid-cell-comment", autocomplete: "off" });
    const form = make("form", { method: "dialog" }, make("label", { className: "form-label", htmlFor: "grid-cell-comment", textContent: _("Comment on %(periods)s", { periods: places.length === 1 ? period(state.data.dates[places[0]]) : plural(places.length, state.data.period) }) }), field, make("button", { className: "btn btn-primary btn-sm me-2", value: "ok", textContent: _("Comment") }), make("button", { className: "btn btn-outline-secondary btn-sm", value: "cancel", formNoValidate: true, textContent: _("Cancel") }));
    dialog.append(form);
    document.body.append(dialog);
    dialog.addEventListener("close", () => {
      const text = field.value.trim().replace(/\s+/g, " ");
      dialog.remove();
      if (dialog.returnValue === "ok" && text) act(places.map((place) => kept("typed", state.data.dates[place], strip(wanted(place)), { ...strip(wanted(place)), comment: text })));
      pick(state.active);
    });
    dialog.showModal();
    field.focus();
  };

  const onKey = (event) => {
    if (event.target.closest("#grid-dialog")) return;
    const isControl = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    if (event.target === state.editor) {
      if (event.key === "Enter" || event.key === "Tab") { event.preventDefault(); leave(true, event.key === "Tab" ? (event.shiftKey ? -1 : 1) : 0); }
      else if (event.key === "Escape") { event.stopPropagation(); leave(false); }
      return;
    }
    if (isControl && key === "z" && !event.shiftKey) back(state.past, state.future, "before");
    else if (isControl && (key === "y" || (key === "z" && event.shiftKey))) back(state.future, state.past, "after");
    else if (isControl && key === "r") fill();
    else if (isControl && key === "a") { state.anchor = { row: 1, column: 0 }; pick({ row: state.cells.length - 1, column: state.columns.length - 1 }, true); }
    else if (event.key === "F2" && event.shiftKey) comment();
    else if (event.key === "Enter" && state.active.row === 0) toggle(state.columns[state.active.column]);
    else if (event.key === "F2" || event.key === "Enter") edit();
    else if (event.key === "Delete" || event.key === "Backspace") clear();
    else if (event.key === "Home") pick({ row: isControl ? 1 : state.active.row, column: 0 }, event.shiftKey);
    else if (event.key === "End") pick({ row: isControl ? state.cells.length : state.active.row, column: state.columns.length }, event.shiftKey);
    else if (event.key === "PageDown" || event.key === "PageUp") pick({ row: state.active.row, column: state.active.column + (event.key === "PageUp" ? -7 : 7) }, event.shiftKey);
    else if (event.key.startsWith("Arrow")) {
      const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      pick({ row: state.active.row + down, column: state.active.column + right }, event.shiftKey);
    } else if (!isControl && !event.altKey && event.key.length === 1 && state.active.row > 0 && canEdit(state.data.rows[state.active.row - 1], state.columns[state.active.column])
      && (/[\p{Nd}+\-−.,]/u.test(event.key) || (state.data.rows[state.active.row - 1].kind === "driver" && state.data.rows[state.active.row - 1].driver_kind !== "number"))) edit(event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const where = (target) => {
    const cell = target.closest?.("#grid-table td, #grid-table thead th:not(.grid-name)");
    if (!cell) return null;
    const at = state.cells.findIndex((line) => line[0].parentElement === cell.parentElement);
    return { row: at, column: state.cells[at].indexOf(cell) };
  };
  const inGrid = () => document.activeElement.closest?.("#grid-table") && document.activeElement !== state.editor;

  document.addEventListener("mousedown", (event) => {
    const to = state.data && event.button === 0 && event.target !== state.editor ? where(event.target) : null;
    if (!to) return;
    event.preventDefault();
    if (state.editor) leave(true, null);
    const isAgain = state.active && to.row === state.active.row && to.column === state.active.column && document.activeElement === cellAt(state.active);
    pick(to, event.shiftKey);
    if (to.row === 0) toggle(state.columns[to.column]);
    else if (isAgain && !event.shiftKey && canEdit(state.data.rows[to.row - 1], state.columns[to.column])) edit();
  });
  document.addEventListener("mouseover", (event) => {
    if (!state.data || event.buttons !== 1 || !state.active || state.editor || !inGrid()) return;
    const to = where(event.target);
    if (to && to.row > 0 && state.active.row > 0 && (to.row !== state.active.row || to.column !== state.active.column)) pick(to, true);
  });
  document.addEventListener("focusin", (event) => {
    const to = state.data && event.target !== state.editor ? where(event.target) : null;
    if (to) state.isTouched = true;
    if (to && (to.row !== state.active?.row || to.column !== state.active?.column)) pick(to, false, false);
  });
  document.addEventListener("focusout", (event) => { if (event.target === state.editor && state.editor.isConnected) leave(true, null); });

  document.addEventListener("copy", (event) => {
    if (!state.data || !inGrid()) return;
    const { top, bottom, left, right } = rectangle(), lines = [];
    for (let at = Math.max(top, 1); at <= bottom; at += 1) {
      const one = state.data.rows[at - 1];
      lines.push(state.columns.slice(left, right + 1).map((column) => {
        if (one.name === "override") return state.data.overrides && ahead(column).length ? textToFill(one, column) : "";
        const found = shown(one, column);
        return typeof found.value === "number" && one.driver_kind !== "yes_no" ? typedNumbers.write(found.value) : found.text ?? "";
      }).join("\t"));
    }
    event.clipboardData.setData("text/plain", lines.join("\n"));
    event.preventDefault();
    state.message = _("%(cells)s copied.", { cells: plural((bottom - Math.max(top, 1) + 1) * (right - left + 1), "cell") });
    byId("grid-status").textContent = state.message;
  });
  document.addEventListener("paste", (event) => {
    if (!state.data || !state.data.is_editable || !inGrid() || state.active.row === 0) return;
    event.preventDefault();
    const block = event.clipboardData.getData("text/plain").replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
    const { top, bottom, left, right } = rectangle(), isOne = block.length === 1 && block[0].length === 1, pairs = [], lost = [];
    const height = isOne ? bottom - top + 1 : block.length;
    for (let at = 0; at < height; at += 1) {
      const line = isOne ? Array(right - left + 1).fill(block[0][0]) : block[at], one = state.data.rows[top - 1 + at];
      line.forEach((text, place) => {
        const column = state.columns[left + place];
        if (one && column && canEdit(one, column)) pairs.push([one, column, text.replace(/^"(.*)"$/, "$1")]);
        else if (text.trim()) lost.push(text.trim());
      });
    }
    if (pairs.length) enter(pairs);
    if (lost.length) {
      const more = block.length > 1 && block.every((line) => line.length === 1) ? ` ${{ day: _("Each day is a column: paste the values as one row."), week: _("Each week is a column: paste the values as one row."), month: _("Each month is a column: paste the values as one row."), quarter: _("Each quarter is a column: paste the values as one row.") }[state.data.period]}` : "";
      const first = `${lost.slice(0, 3).join("; ")}${lost.length > 3 ? " …" : ""}`, missed = _("%(values)s skipped (%(first)s): no editable cell.", { values: plural(lost.length, "pasted value"), first });
      state.message = `${state.message} ${missed}${more}`.trim();
      tell();
    }
  });

  // Saving.
  const save = async () => {
    const form = byId("grid-form"), sent = new Map(typed);
    if (state.isSaving || !sent.size) return;
    form.elements.cells.value = JSON.stringify([...sent].map(([date, { way, amount, comment: own, seen }]) => ({ date, way, amount: way ? amount : null, comment: own, seen })));
    state.isSaving = true;
    state.unsaved = "";
    state.message = _("Saving …");
    refresh();
    const [status, answer] = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } })
      .then(async (response) => [response.status, response.headers.get("Content-Type")?.includes("json") ? await response.json() : { page: await response.text() }])
      .catch(() => [0, {}]);
    state.message = "";
    if (status === 200 && known(answer.overridden)) {
      sent.forEach((content, date) => { if (typed.get(date) === content) typed.delete(date); else if (typed.has(date)) typed.get(date).seen = null; });
      conflicts.clear();
      const field = byId("grid-comment");
      field.value = field.defaultValue;
      state.message = _("Saved: %(periods)s.", { periods: plural(sent.size, state.data.period) });
      const before = state.data;
      await reload().catch(() => null);
      if (state.data === before) state.message = `${state.message} ${_("The page could not be refreshed; reload it.")}`;
      if (document.activeElement === document.body) pick(state.active);
    } else if (status === 409 && answer.changed) {
      answer.changed.forEach((one) => conflicts.set(one.date, one));
      state.unsaved = _("Nothing was saved.");
    } else if (answer.errors) {
      answer.errors.forEach(({ date, message: why }) => { if (date) wrong.set(date, { text: contentWords(typed.get(date) ?? {}), why }); });
      state.unsaved = [_("Nothing was saved."), ...answer.errors.filter(({ date }) => !date).map((one) => one.message)].join(" ");
    } else {
      const text = answer.page ? new DOMParser().parseFromString(answer.page, "text/html").body.textContent.replace(/\s+/g, " ").trim().slice(0, 300) : "";
      state.unsaved = status ? _("Not saved (%(status)s). What you typed is still here, also after a reload.", { status }) : _("Not saved: the app does not answer. What you typed is still here, also after a reload.");
      state.unsaved = `${state.unsaved} ${text}`;
    }
    state.isSaving = false;
    refresh();
  };
  const reload = () => htmx.ajax("GET", byId("grid").dataset.url, { target: "#result", select: "#result", swap: "outerHTML" });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "grid-form") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    save();
  }, true);

  // A what-if with the drivers as they were typed: periods with the same value are one change.
  const whatIf = () => {
    const found = new URLSearchParams(byId("grid").dataset.url.split("?")[1]);
    let count = 0;
    state.data.rows.filter((one) => one.kind === "driver").forEach((one) => {
      let open = null;
      state.data.ahead.forEach((place) => {
        const date = state.data.dates[place], next = drivers.get(`${one.driver}|${date}`);
        if (!known(next)) { open = null; return; }
        if (open && open.value === next) { found.set(`change-${open.number}-last`, date); return; }
        open = { number: count, value: next };
        count += 1;
        Object.entries({ driver: one.driver, action: "set", value: next, first: date, last: date }).forEach(([name, text]) => found.set(`change-${open.number}-${name}`, text));
      });
    });
    location.assign(`${byId("grid").dataset.url.split("?")[0]}?${found}`);
  };

  const does = {
    undo: () => back(state.past, state.future, "before"),
    redo: () => back(state.future, state.past, "after"),
    fill, comment,
    discard: () => { wrong.clear(); conflicts.clear(); act([...typed.keys()].filter((date) => state.data.placeOf.has(date)).map((date) => kept("typed", date, strip(typed.get(date)), held(state.data.placeOf.get(date))))); },
    theirs: () => { conflicts.forEach((_one, date) => typed.delete(date)); conflicts.clear(); state.past = []; state.future = []; state.unsaved = ""; reload(); },
    mine: () => { conflicts.forEach((one, date) => { if (typed.has(date)) typed.get(date).seen = one.seen; }); conflicts.clear(); byId("grid-form").requestSubmit(); },
    "what-if": whatIf,
    "forget-drivers": () => act([...drivers].map(([key, before]) => kept("drivers", key, before, undefined))),
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-grid]");
    if (button && state.data) does[button.dataset.grid]();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "grid-bucket") { state.bucket = event.target.value; state.opened = new Set(); redraw(); }
    if (event.target.id === "grid-lead") { state.shownLead = event.target.value; row("past_forecast").values = row("past_forecast").leads[state.shownLead]; draw(); pick(state.active, false, false); }
  });
  window.addEventListener("beforeunload", (event) => { if (typed.size) event.preventDefault(); });

  const redraw = () => {
    const spreads = byId("grid-spread-field");
    if (spreads) spreads.hidden = state.bucket === frequency;
    state.active = null;
    state.anchor = null;
    draw();
    const at = state.columns.findIndex((column) => ahead(column).length), line = state.data.rows.findIndex((one) => one.name === (state.data.overrides ? "override" : "forecast"));
    pick({ row: Math.max(line, 0) + 1, column: Math.max(at, 0) }, false, false);
    const box = byId("grid-place"), cell = cellAt(state.active);
    box.scrollLeft = Math.max(0, cell.offsetLeft - box.querySelector(".grid-name").offsetWidth - (cell.previousElementSibling?.matches(".grid-past") ? cell.previousElementSibling.offsetWidth : 0));
  };

  // The grid of what the server sent; again where that part of the page was drawn anew.
  const start = () => {
    const script = byId("grid-data");
    if (!script || script.dataset.read) return;
    script.dataset.read = "yes";
    const before = state.data && state.active ? { name: state.data.rows[state.active.row - 1]?.name, key: state.columns[state.active.column]?.key, left: scrolled, had: hadFocus } : null;
    const { unit, period: word } = byId("grid").dataset;
    state.data = { ...JSON.parse(script.textContent), unit, period: word };
    state.chart = document.querySelector("#result .chart-data")?.textContent;
    state.data.byName = new Map(state.data.rows.map((one) => [one.name, one]));
    state.data.placeOf = new Map(state.data.dates.map((date, place) => [date, place]));
    state.data.lead = new Map(state.data.ahead.map((place, lead) => [place, lead]));
    state.editor = null;
    const leads = row("past_forecast")?.leads;
    byId("grid-lead-field").hidden = !leads;
    if (leads) {
      if (!leads[state.shownLead]) [state.shownLead] = Object.keys(leads);
      row("past_forecast").values = leads[state.shownLead];
      byId("grid-lead").replaceChildren(...Object.keys(leads).map((each) => new Option(_("%(periods)s before", { periods: plural(Number(each), word) }), each, false, each === state.shownLead)));
    }
    if (byId("grid-bucket")) byId("grid-bucket").value = state.bucket;
    if (state.data.is_editable) {
      if (!before && !typed.size) {
        JSON.parse(sessionStorage.getItem(draft()) || "[]").forEach(([date, content]) => typed.set(date, content));
        const comment = sessionStorage.getItem(draftComment());
        if (typed.size && comment && !byId("grid-comment").value) byId("grid-comment").value = comment;
      }
      [...typed].forEach(([date, content]) => {
        const place = state.data.placeOf.get(date);
        if (!state.data.lead.has(place)) { typed.delete(date); state.message = _("%(date)s is known by now; what you typed for it was dropped.", { date: period(date) }); return; }
        if (same(content, held(place))) { typed.delete(date); return; }  // it was saved before the page was left
        const now = state.data.overrides[state.data.lead.get(place)];
        if (content.seen === null) content.seen = now.seen;
        if (content.seen !== now.seen) conflicts.set(date, { date, seen: now.seen, words: contentWords(held(place)), comment: now.comment ?? "", by: now.count ? now.by ?? _("someone") : "" });
      });
    }
    redraw();
    if (!before) return;
    const at = { row: state.data.rows.findIndex((one) => one.name === before.name) + 1, column: state.columns.findIndex((column) => column.key === before.key) };
    if (at.column >= 0) pick(at, false, before.had);
    byId("grid-place").scrollLeft = before.left;
  };
  let scrolled = 0, hadFocus = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!byId("grid") || !event.detail.target?.contains(byId("grid"))) return;
    scrolled = byId("grid-place").scrollLeft;
    hadFocus = Boolean(document.activeElement.closest?.("#grid-table"));
    if (state.editor) leave(true, null);
  });
  document.addEventListener("keydown", (event) => { if (state.data && event.target.closest?.("#grid-table")) onKey(event); });
  document.addEventListener("input", (event) => { if (event.target.id === "grid-comment") sessionStorage.setItem(draftComment(), event.target.value); });
  document.addEventListener("DOMContentLoaded", start);
  document.addEventListener("htmx:afterSwap", start);
})();
