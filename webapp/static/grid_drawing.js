// The grid as it is drawn: its table, what is said above and below it, and the chart with what is typed.
const gridDrawing = (() => {
  "use strict";
  const { period } = inLocale;
  const { byId, conflicts, drivers, known, make, manyPeriods, plural, state, typed, wrong } = gridState;
  const { ahead, columnsNow } = gridPeriods;
  const { bound, canEdit, contentWords, forecast, isTyped, row, rowTitle, shown, value, wanted, words } = gridValues;

  // Drawing.
  const draw = () => {
    state.columns = columnsNow();
    const head = make("tr"), body = make("tbody"), corner = make("th", { scope: "col", className: "grid-name", textContent: _("Measure") });
    head.append(corner);
    state.cells = [[]];
    state.columns.forEach((column) => {
      const cell = make("th", { scope: "col", className: "number", tabIndex: -1, textContent: column.title });
      if (column.isSum) {
        cell.textContent = "";
        cell.append(make("span", { className: "grid-fold", textContent: `${state.opened.has(column.key) ? "▾" : "▸"} ${column.title}` }));
        if (column.told) cell.append(make("small", { textContent: column.told }));
        cell.ariaExpanded = String(state.opened.has(column.key));
        cell.title = state.opened.has(column.key) ? _("Hide its %(periods)s (Enter)", { periods: manyPeriods() }) : _("Show its %(periods)s (Enter)", { periods: manyPeriods() });
      }
      state.cells[0].push(head.appendChild(cell));
    });
    state.data.rows.forEach((one) => {
      const line = make("tr", { className: `grid-${one.name.split("-")[0]}` });
      line.append(make("th", { scope: "row", className: "grid-name", textContent: rowTitle(one) }));
      state.cells.push(state.columns.map((column) => {
        const cell = make("td", { tabIndex: -1, className: "number" });
        cell.setAttribute("role", "gridcell");
        cell.ariaReadOnly = String(!canEdit(one, column));
        return line.appendChild(cell);
      }));
      body.append(line);
    });
    state.columns.forEach((column, place) => {
      const isPast = !ahead(column).length;
      state.cells.forEach((line) => {
        line[place].classList.toggle("grid-past", isPast);
        line[place].classList.toggle("grid-sum", column.isSum && state.opened.size > 0);
        line[place].classList.toggle("grid-today", column.places.includes(state.data.ahead[0]) && (!column.isSum || !state.opened.has(column.key)));
      });
    });
    const table = make("table", { id: "grid-table", className: "grid-table" }, make("thead", {}, head), body);
    table.setAttribute("role", "grid");
    table.setAttribute("aria-labelledby", "grid-title");
    byId("grid-place").replaceChildren(table);
    refresh();
  };

  // What is shown, again: all of it, or only columns with these keys or dates.
  const refresh = (touched = null) => {
    const shownAgain = [...state.columns.keys()].filter((place) => !touched || touched.has(state.columns[place].key) || state.columns[place].places.some((each) => touched.has(state.data.dates[each])));
    state.data.rows.forEach((one, at) => shownAgain.forEach((place) => {
      const column = state.columns[place];
      const cell = state.cells[at + 1][place], found = shown(one, column);
      if (state.editor?.parentElement === cell) return;
      if (cell.textContent !== (found.text ?? (found.why ? "–" : ""))) cell.textContent = found.text ?? (found.why ? "–" : "");
      if (found.why && (!found.text || found.isUnusual)) cell.title = found.why; else cell.removeAttribute("title");
      cell.classList.toggle("grid-unusual", Boolean(found.isUnusual));
      const isWrong = one.name === "override" ? wrong.has(column.key) : one.kind === "driver" && wrong.has(`${one.driver}|${column.key}`);
      const changed = one.name === "override" ? ahead(column).some(isTyped)
        : one.kind === "driver" ? column.places.some((each) => one.changed.includes(each) || drivers.has(`${one.driver}|${state.data.dates[each]}`))
          : (one.kind === "money" || ["forecast", "lower", "upper"].includes(one.name)) && ahead(column).some(isTyped);
      cell.classList.toggle("grid-changed", changed);
      cell.classList.toggle("grid-wrong", isWrong);
      if (isWrong) cell.ariaInvalid = "true"; else cell.removeAttribute("aria-invalid");
    }));
    const buttons = { undo: state.past.length, redo: state.future.length };
    Object.entries(buttons).forEach(([name, count]) => { const button = document.querySelector(`[data-grid=${name}]`); if (button) button.disabled = !count; });
    byId("grid-status").textContent = state.message;
    byId("grid-what-if").hidden = !drivers.size;
    document.querySelector("[data-grid=what-if]").textContent = _("What if: %(changes)s", { changes: plural(drivers.size, "changed driver value") });
    refreshForm();
    refreshProblems();
    refreshDetail();
    drawChart();
  };
  // What is typed stays in the tab: after a reload, a new sign-in, Back.
  const draft = () => `grid ${JSON.stringify([...new FormData(byId("grid-form"))].filter(([name]) => !["csrf_token", "token", "horizon", "cells", "comment"].includes(name)))}`;
  const draftComment = () => `${draft()} comment`;
  const tell = () => refresh(new Set());
  const refreshForm = () => {
    const form = byId("grid-form");
    if (!form) return;
    if (typed.size) sessionStorage.setItem(draft(), JSON.stringify([...typed]));
    else [draft(), draftComment()].forEach((name) => sessionStorage.removeItem(name));
    form.hidden = !typed.size;
    const places = state.data.ahead, total = (of) => { const values = places.map(of); return values.every(known) ? words(row("forecast"), values.reduce((sum, each) => sum + each, 0)) : "–"; };
    byId("grid-changes").textContent = _("%(changes)s: %(before)s → %(after)s in all. Why?", { changes: plural(typed.size, "change"), before: total((place) => value("forecast", place)), after: `${total(forecast)} ${state.data.unit}` });
    byId("grid-comment").required = [...typed.values()].some(({ way, comment }) => way && !comment);
    byId("grid-save").disabled = state.isSaving;
  };
  const refreshProblems = () => {
    const lines = [];
    const named = (key) => { const [name, date] = key.includes("|") ? key.split("|") : ["", key]; const column = state.columns.find((each) => each.key === date); return `${name ? `${row(`driver-${name}`)?.title ?? name}, ` : ""}${column?.name ?? (/^\d/.test(date) ? period(date) : date)}`; };
    wrong.forEach(({ why }, key) => lines.push(`${named(key)}: ${why}`));
    if (state.unsaved) lines.push(state.unsaved);
    const list = lines.map((text) => make("div", { className: "text-danger-emphasis", textContent: text }));
    if (conflicts.size) {
      const box = make("div", { className: "alert alert-warning py-2 mb-0 mt-1", id: "grid-conflicts" }, make("div", { textContent: _("Someone else changed these in the meantime. Yours is not saved:") }));
      conflicts.forEach((one, date) => box.append(make("div", { textContent: (one.by ? _("%(date)s: %(who)s says %(theirs)s; you say %(yours)s", { date: period(date), who: one.by, theirs: `${one.words}${one.comment ? ` (${one.comment})` : ""}`, yours: contentWords(typed.get(date)) || _("none") }) : _("%(date)s: the override was removed; you say %(yours)s", { date: period(date), yours: contentWords(typed.get(date)) || _("none") })) })));
      box.append(make("button", { type: "button", className: "btn btn-sm btn-outline-secondary mt-1 me-2", textContent: _("Keep theirs") }), make("button", { type: "button", className: "btn btn-sm btn-outline-primary mt-1", textContent: _("Save mine") }));
      box.children[box.children.length - 2].dataset.grid = "theirs";
      box.lastElementChild.dataset.grid = "mine";
      list.push(box);
    }
    const place = byId("grid-problems"), before = [...place.children].map((each) => each.textContent).join("\n");
    if (before !== list.map((each) => each.textContent).join("\n")) place.replaceChildren(...list);
  };
  const refreshDetail = () => {
    if (!state.isTouched || !state.active) return;
    const one = state.data.rows[state.active.row - 1], column = state.columns[state.active.column], place = byId("grid-detail");
    if (!one) { const how = state.opened.has(column.key) ? _("Enter hides its %(periods)s.", { periods: manyPeriods() }) : _("Enter shows its %(periods)s.", { periods: manyPeriods() }); place.textContent = `${column.name}${column.told ? ` (${column.told})` : ""}. ${how}`; return; }
    const found = shown(one, column);
    let text = `${column.name}, ${rowTitle(one)}: ${found.text || "–"}.`;
    if (found.why) text += ` ${found.why}`;
    if (one.name === "override" && state.data.overrides && !column.isSum && ahead(column).length) {
      const content = wanted(column.places[0]), kept = state.data.overrides[state.data.lead.get(column.places[0])];
      const told = { date: column.name, model: words(row("model"), value("model", column.places[0])), override: contentWords(content) || _("none"), who: kept.by };
      text = !isTyped(column.places[0]) && kept.by ? _("%(date)s: model %(model)s, override %(override)s by %(who)s", told) : _("%(date)s: model %(model)s, override %(override)s", told);
      text += `${content.comment ? `: ${content.comment}` : ""}.${isTyped(column.places[0]) ? ` ${_("Not saved yet.")}` : ""}`;
      if (wrong.has(column.key)) text = _("%(date)s: “%(text)s” was refused.", { date: column.name, text: wrong.get(column.key).text });
    }
    place.textContent = text;
  };

  // The chart with what is typed.
  let frame = 0, later = 0;
  const drawChart = () => {
    if (!state.chart) return;
    cancelAnimationFrame(frame);
    clearTimeout(later);
    frame = requestAnimationFrame(() => { later = setTimeout(drawTyped); });  // once the cells are seen
  };
  const drawTyped = () => {
    const script = document.querySelector("#result .chart-data"), isAny = state.data.ahead.some(isTyped);
    if (!script || (!isAny && script.textContent === state.chart)) return;
    const drawn = JSON.parse(state.chart);
    if (isAny) {
      const at = new Map(drawn.dates.map((date, place) => [date, place]));
      drawn.model ??= [...drawn.plan];
      drawn.overridden = [];
      state.data.ahead.forEach((place) => {
        const there = at.get(state.data.dates[place]), content = wanted(place);
        drawn.plan[there] = forecast(place);
        drawn.lower[there] = bound("lower", place);
        drawn.upper[there] = bound("upper", place);
        if (content.way || content.many) drawn.overridden.push(there);
      });
    }
    script.textContent = isAny ? JSON.stringify(drawn) : state.chart;
    document.dispatchEvent(new Event("chart-data"));
  };

  return { draft, draftComment, draw, refresh, refreshDetail, tell };
})();
