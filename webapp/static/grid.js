// The grid under the chart: a column for each period or a sum of several, a row for each measure. Overrides are typed
// into it and saved together; the chart follows at once. By the pattern "grid" of the WAI-ARIA Authoring Practices.
(() => {
  "use strict";
  const { locale, frequency } = document.documentElement.dataset;
  const { period, day } = inLocale;
  const known = (value) => value !== null && value !== undefined;
  const byId = (id) => document.getElementById(id);
  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const plural = (count, word) => _n(`%(num)s ${word}`, `%(num)s ${word}s`, count);
  const manyPeriods = () => ({ day: _("days"), week: _("weeks"), month: _("months"), quarter: _("quarters") }[data.period]);

  // What was typed and is not saved; it stays when its part of the page is drawn again.
  const typed = new Map();     // date -> {way, amount, comment, seen}
  const wrong = new Map();     // key of a column -> {text, why}
  const drivers = new Map();   // "name|date" -> value of a what-if
  const conflicts = new Map(); // date -> what somebody else saved meanwhile
  let past = [], future = [], message = "", unsaved = "", isSaving = false, isTouched = false, lead = "";
  // What the server said, and what is shown of it.
  let data, chart, columns, cells, opened = new Set(), bucket = frequency, active = null, anchor = null, picked = [], editor = null;

  // Dates, and what periods are summed to.
  const utc = (date) => new Date(`${date}T00:00:00Z`);
  const iso = (at) => at.toISOString().slice(0, 10);
  const moved = (date, days) => { const at = utc(date); at.setUTCDate(at.getUTCDate() + days); return iso(at); };
  const month = (date) => date.slice(0, 7), quarter = (date) => `${date.slice(0, 4)}-Q${Math.ceil(Number(date.slice(5, 7)) / 3)}`;
  const week = (date) => moved(date, -((utc(date).getUTCDay() + 6) % 7));
  const bucketOf = { W: week, M: month, Q: quarter };
  const beside = (date, steps) => {
    if (frequency === "D" || frequency === "W") return moved(date, steps * (frequency === "D" ? 1 : 7));
    const at = utc(date);
    at.setUTCMonth(at.getUTCMonth() + steps * (frequency === "M" ? 1 : 3));
    return iso(at);
  };
  const format = (style) => { const written = new Intl.DateTimeFormat(locale, { ...style, timeZone: "UTC" }); return (date) => written.format(utc(date)); };
  const headOf = frequency === "D" ? format({ weekday: "short", day: "numeric", month: "short" }) : day;
  const shortDay = format({ day: "numeric", month: "short" }), monthHead = format({ month: "short", year: "numeric" });
  const bucketHead = (key) => (bucket === "W" ? `${shortDay(key)} – ${shortDay(moved(key, 6))}` : bucket === "M" ? monthHead(`${key}-01`) : `${key.slice(5)} ${key.slice(0, 4)}`);

  const periodColumn = (place) => ({ key: data.dates[place], places: [place], isSum: false, title: headOf(data.dates[place]), name: period(data.dates[place]) });
  const columnsNow = () => {
    const all = data.dates.map((_date, place) => place);
    if (bucket === frequency) return all.map(periodColumn);
    const of = bucketOf[bucket], found = new Map(), first = data.dates[0], last = data.dates.at(-1);
    all.forEach((place) => { const key = of(data.dates[place]); found.set(key, [...(found.get(key) || []), place]); });
    return [...found].flatMap(([key, places]) => {
      const ahead = places.filter((place) => data.lead.has(place)).length;
      if (!ahead && of(beside(first, -1)) === key) return [];  // its beginning is not there
      const told = [];
      if (ahead && ahead < places.length) told.push(_("%(known)s known, %(ahead)s ahead", { known: places.length - ahead, ahead }));
      if (of(beside(last, 1)) === key) told.push(_("until %(date)s", { date: frequency === "D" || frequency === "W" ? shortDay(last) : day(last) }));
      const sum = { key: `${bucket}:${key}`, places, isSum: true, title: bucketHead(key), name: bucketHead(key), told: told.join("; ") };
      return opened.has(sum.key) ? [...places.map(periodColumn), sum] : [sum];
    });
  };
  const ahead = (column) => column.places.filter((place) => data.lead.has(place));

  // What holds in a period, and what it makes of the forecast.
  const held = (place) => {
    const { count, way, amount, comment } = data.overrides[data.lead.get(place)];
    return !count ? { way: null, comment: "" } : way ? { way, amount, comment } : { many: count };
  };
  const wanted = (place) => typed.get(data.dates[place]) ?? held(place);
  const row = (name) => data.byName.get(name);
  const value = (name, place) => row(name)?.values[place] ?? null;
  const made = ({ way, amount }, model) => (way === "value" ? amount : way === "percent" ? model * (1 + amount / 100) : model);
  const isTyped = (place) => data.is_editable && typed.has(data.dates[place]) && data.lead.has(place);
  const forecast = (place) => (isTyped(place) ? made(wanted(place), value("model", place)) : value("forecast", place));
  const bound = (name, place) => {
    if (!isTyped(place)) return value(name, place);
    if (!data.below) return null;  // of a sum only the server knows it
    const content = wanted(place), lead = data.lead.get(place), size = content.way === "percent" ? 1 + content.amount / 100 : 1;
    return name === "lower" ? Math.max(0, forecast(place) - size * data.below[lead]) : forecast(place) + size * data.above[lead];
  };
  const money = (name, place) => {
    if (!isTyped(place)) return value(name, place);
    const lead = data.lead.get(place), price = data.price?.[lead], cost = name.startsWith("money-Margin") ? data.cost?.[lead] : 0;
    return known(price) && known(cost) ? forecast(place) * (price - cost) : null;
  };
  const driver = (one, place) => drivers.get(`${one.driver}|${data.dates[place]}`) ?? one.values[place];
  const valueOf = (one, place) => {
    if (one.name === "forecast") return forecast(place);
    if (one.name === "lower" || one.name === "upper") return bound(one.name, place);
    if (one.kind === "money") return money(one.name, place);
    return one.kind === "driver" ? driver(one, place) : one.values[place];
  };

  // Values in words. Quantities are rounded as the server rounds them, halves to even.
  const formats = new Map();
  const written = (number, least, most = least) => {
    const key = `${least} ${most}`;
    if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(locale, { minimumFractionDigits: least, maximumFractionDigits: most, roundingMode: "halfEven" }));
    return formats.get(key).format(number);
  };
  const amountWords = (amount) => written(amount, 0, Math.abs(amount) < 1 ? 5 : 2);
  const contentWords = ({ way, amount, many }) => (many ? plural(many, "override") : way === "value" ? amountWords(amount)
    : way === "percent" ? `${amount < 0 ? "−" : "+"}${amountWords(Math.abs(amount))}\u00a0%` : "");
  // As the table below has it: what somebody may have written is told in full, a mean or a share in the column's decimals.
  const driverWords = (one, found) => {
    const plain = Number(found.toPrecision(6)), own = (String(plain).split(".")[1] || "").length;
    return written(plain, one.decimals, own > 3 ? one.decimals : Math.max(one.decimals, own));
  };
  const words = (one, found) => {
    if (!known(found)) return "";
    if (one.kind === "money") return written(found, data.money_decimals);
    if (one.kind === "price") return written(found, data.money_decimals, data.money_decimals + 2);
    if (one.kind === "driver") return one.driver_kind === "yes_no" ? (Number(found) ? _("yes") : "") : typeof found === "number" ? driverWords(one, found) : String(found);
    const text = written(Math.abs(found), data.decimals);
    return one.kind === "signed" && Number(Math.abs(found).toFixed(data.decimals)) ? `${found > 0 ? "+" : "−"}${text}` : text;
  };

  // The sum of a row over several periods, where a sum is meant: {value, text}, or {why} where there is none.
  const summed = (one, column) => {
    const later = new Set(ahead(column)), before = column.places.filter((place) => !later.has(place) || (one.name === "sold" && known(one.values[place])));
    if (one.name === "lower" || one.name === "upper") return { why: _("No interval for a sum of %(periods)s: their intervals do not add up.", { periods: manyPeriods() }) };
    if (one.kind === "driver" || one.kind === "price") {
      const values = column.places.map((place) => valueOf(one, place)).filter(known);
      if (one.driver_kind === "yes_no") { const count = values.filter(Number).length; return { text: count ? plural(count, data.period) : "" }; }
      const different = [...new Set(values)];
      if (different.length < 2) return { value: different[0], text: words(one, different[0]) };
      if (typeof different[0] !== "number") return { text: plural(different.length, "value") };
      return { text: _("%(least)s to %(most)s", { least: words(one, Math.min(...different)), most: words(one, Math.max(...different)) }) };
    }
    const places = { sold: before, past_forecast: before, last_year: column.places, carried: column.places.filter((place) => known(one.values[place])) }[one.name] ?? [...later];
    if (!places.length) return {};
    const values = places.map((place) => valueOf(one, place));
    if (!values.every(known)) return { why: _("Not known for all %(periods)s, so there is no sum.", { periods: manyPeriods() }) };
    const total = values.reduce((sum, each) => sum + each, 0), isLeast = places.some((place) => one.at_least?.includes(place));
    return { value: total, text: isLeast ? _("at least %(units)s", { units: words(one, total) }) : words(one, total) };
  };
  const overrideOf = (column) => {
    const refused = wrong.get(column.key);
    if (refused) return { text: refused.text, why: refused.why };
    const places = data.overrides ? ahead(column) : [], contents = places.map(wanted);
    if (!column.isSum || contents.length === 1) return { text: contents.length ? contentWords(contents[0]) : "" };
    const set = contents.filter(({ way, many }) => way || many);
    if (!set.length) return { text: "" };
    if (set.length === contents.length && set.every(({ way }) => way === "value")) return { text: amountWords(set.reduce((sum, { amount }) => sum + amount, 0)) };
    if (set.length === contents.length && set.every(({ way, amount }) => way === "percent" && amount === set[0].amount)) return { text: contentWords(set[0]) };
    return { text: _("%(count)s of %(all)s", { count: set.length.toLocaleString(locale), all: plural(contents.length, data.period) }) };
  };
  const shown = (one, column) => {
    if (one.name === "override") return overrideOf(column);
    if (one.kind === "driver" && wrong.has(`${one.driver}|${column.key}`)) return wrong.get(`${one.driver}|${column.key}`);
    if (column.isSum) return summed(one, column);
    const [place] = column.places, found = valueOf(one, place);
    if (!known(found) && isTyped(place) && known(one.values[place])) return { text: "…", why: _("Known once it is saved.") };
    const text = known(found) && one.at_least?.includes(place) ? _("at least %(units)s", { units: words(one, found) }) : words(one, found);
    const usual = one.unusual?.find(([at]) => at === place);
    return usual ? { value: found, text, isUnusual: true, why: _("Unusual: %(units)s would be usual. The tab Unusual adjusts it.", { units: words(one, usual[1]) }) } : { value: found, text };
  };

  // Drawing.
  const canEdit = (one, column) => data.is_editable && ahead(column).length > 0 && (one.name === "override" || (one.kind === "driver" && data.below !== undefined));
  const rowTitle = (one) => {
    return (one.leads ? _("%(measure)s, %(periods)s before", { measure: one.title, periods: plural(Number(lead), data.period) }) : one.title).replace(" %", "\u00a0%");
  };
  const draw = () => {
    columns = columnsNow();
    const head = make("tr"), body = make("tbody"), corner = make("th", { scope: "col", className: "grid-name", textContent: _("Measure") });
    head.append(corner);
    cells = [[]];
    columns.forEach((column) => {
      const cell = make("th", { scope: "col", className: "number", tabIndex: -1, textContent: column.title });
      if (column.isSum) {
        cell.textContent = "";
        cell.append(make("span", { className: "grid-fold", textContent: `${opened.has(column.key) ? "▾" : "▸"} ${column.title}` }));
        if (column.told) cell.append(make("small", { textContent: column.told }));
        cell.ariaExpanded = String(opened.has(column.key));
        cell.title = opened.has(column.key) ? _("Hide its %(periods)s (Enter)", { periods: manyPeriods() }) : _("Show its %(periods)s (Enter)", { periods: manyPeriods() });
      }
      cells[0].push(head.appendChild(cell));
    });
    data.rows.forEach((one) => {
      const line = make("tr", { className: `grid-${one.name.split("-")[0]}` });
      line.append(make("th", { scope: "row", className: "grid-name", textContent: rowTitle(one) }));
      cells.push(columns.map((column) => {
        const cell = make("td", { tabIndex: -1, className: "number" });
        cell.setAttribute("role", "gridcell");
        cell.ariaReadOnly = String(!canEdit(one, column));
        return line.appendChild(cell);
      }));
      body.append(line);
    });
    columns.forEach((column, place) => {
      const isPast = !ahead(column).length;
      cells.forEach((line) => {
        line[place].classList.toggle("grid-past", isPast);
        line[place].classList.toggle("grid-sum", column.isSum && opened.size > 0);
        line[place].classList.toggle("grid-today", column.places.includes(data.ahead[0]) && (!column.isSum || !opened.has(column.key)));
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
    const shownAgain = [...columns.keys()].filter((place) => !touched || touched.has(columns[place].key) || columns[place].places.some((each) => touched.has(data.dates[each])));
    data.rows.forEach((one, at) => shownAgain.forEach((place) => {
      const column = columns[place];
      const cell = cells[at + 1][place], found = shown(one, column);
      if (editor?.parentElement === cell) return;
      if (cell.textContent !== (found.text ?? (found.why ? "–" : ""))) cell.textContent = found.text ?? (found.why ? "–" : "");
      if (found.why && (!found.text || found.isUnusual)) cell.title = found.why; else cell.removeAttribute("title");
      cell.classList.toggle("grid-unusual", Boolean(found.isUnusual));
      const isWrong = one.name === "override" ? wrong.has(column.key) : one.kind === "driver" && wrong.has(`${one.driver}|${column.key}`);
      const changed = one.name === "override" ? ahead(column).some(isTyped)
        : one.kind === "driver" ? column.places.some((each) => one.changed.includes(each) || drivers.has(`${one.driver}|${data.dates[each]}`))
          : (one.kind === "money" || ["forecast", "lower", "upper"].includes(one.name)) && ahead(column).some(isTyped);
      cell.classList.toggle("grid-changed", changed);
      cell.classList.toggle("grid-wrong", isWrong);
      if (isWrong) cell.ariaInvalid = "true"; else cell.removeAttribute("aria-invalid");
    }));
    const buttons = { undo: past.length, redo: future.length };
    Object.entries(buttons).forEach(([name, count]) => { const button = document.querySelector(`[data-grid=${name}]`); if (button) button.disabled = !count; });
    byId("grid-status").textContent = message;
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
    const places = data.ahead, total = (of) => { const values = places.map(of); return values.every(known) ? words(row("forecast"), values.reduce((sum, each) => sum + each, 0)) : "–"; };
    byId("grid-changes").textContent = _("%(changes)s: %(before)s → %(after)s in all. Why?", { changes: plural(typed.size, "change"), before: total((place) => value("forecast", place)), after: `${total(forecast)} ${data.unit}` });
    byId("grid-comment").required = [...typed.values()].some(({ way, comment }) => way && !comment);
    byId("grid-save").disabled = isSaving;
  };
  const refreshProblems = () => {
    const lines = [];
    const named = (key) => { const [name, date] = key.includes("|") ? key.split("|") : ["", key]; const column = columns.find((each) => each.key === date); return `${name ? `${row(`driver-${name}`)?.title ?? name}, ` : ""}${column?.name ?? (/^\d/.test(date) ? period(date) : date)}`; };
    wrong.forEach(({ why }, key) => lines.push(`${named(key)}: ${why}`));
    if (unsaved) lines.push(unsaved);
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
    if (!isTouched || !active) return;
    const one = data.rows[active.row - 1], column = columns[active.column], place = byId("grid-detail");
    if (!one) { const how = opened.has(column.key) ? _("Enter hides its %(periods)s.", { periods: manyPeriods() }) : _("Enter shows its %(periods)s.", { periods: manyPeriods() }); place.textContent = `${column.name}${column.told ? ` (${column.told})` : ""}. ${how}`; return; }
    const found = shown(one, column);
    let text = `${column.name}, ${rowTitle(one)}: ${found.text || "–"}.`;
    if (found.why) text += ` ${found.why}`;
    if (one.name === "override" && data.overrides && !column.isSum && ahead(column).length) {
      const content = wanted(column.places[0]), kept = data.overrides[data.lead.get(column.places[0])];
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
    if (!chart) return;
    cancelAnimationFrame(frame);
    clearTimeout(later);
    frame = requestAnimationFrame(() => { later = setTimeout(drawTyped); });  // once the cells are seen
  };
  const drawTyped = () => {
    const script = document.querySelector("#result .chart-data"), isAny = data.ahead.some(isTyped);
    if (!script || (!isAny && script.textContent === chart)) return;
    const drawn = JSON.parse(chart);
    if (isAny) {
      const at = new Map(drawn.dates.map((date, place) => [date, place]));
      drawn.model ??= [...drawn.plan];
      drawn.overridden = [];
      data.ahead.forEach((place) => {
        const there = at.get(data.dates[place]), content = wanted(place);
        drawn.plan[there] = forecast(place);
        drawn.lower[there] = bound("lower", place);
        drawn.upper[there] = bound("upper", place);
        if (content.way || content.many) drawn.overridden.push(there);
      });
    }
    script.textContent = isAny ? JSON.stringify(drawn) : chart;
    document.dispatchEvent(new Event("chart-data"));
  };

  // Changes, with undo: each is {store, key, before, after}; of overrides before and after are what is wanted, so that a
  // change can be undone after it was saved too.
  const same = (one, other) => (one.many || other.many ? one.many === other.many : one.way === other.way
    && (!one.way || (one.amount === other.amount && (!one.comment || one.comment === other.comment))));
  const put = ({ store, key }, content) => {
    if (store !== "typed") {
      const map = store === "wrong" ? wrong : drivers;
      if (content === undefined) map.delete(key); else map.set(key, content);
      return true;
    }
    const place = data.placeOf.get(key);
    if (!data.lead.has(place)) return false;
    if (same(content, held(place))) { typed.delete(key); conflicts.delete(key); } else if (content.many) return false;
    else typed.set(key, { way: content.way, amount: content.amount, comment: content.comment || "", seen: typed.get(key)?.seen ?? data.overrides[data.lead.get(place)].seen });
    return true;
  };
  const keysOf = (changes) => new Set(changes.map(({ key }) => key.split("|").at(-1)));
  const act = (changes, told = "") => {
    message = told;
    unsaved = changes.length ? "" : unsaved;
    if (changes.length) past.push(changes);
    if (changes.length) future = [];
    changes.forEach((change) => put(change, change.after));
    refresh(keysOf(changes));
  };
  const back = (from, to, name) => {
    const changes = from.pop();
    if (!changes) return;
    to.push(changes);
    const lost = changes.filter((change) => !put(change, change[name])).length;
    message = lost ? _("%(periods)s could not be undone here; use the list of overrides.", { periods: plural(lost, data.period) }) : "";
    refresh(keysOf(changes));
  };

  // What a text does to a cell: {changes, told}.
  const kept = (store, key, before, after) => ({ store, key, before, after });
  const refuse = (key, text, why) => ({ changes: [kept("wrong", key, wrong.get(key), { text: text.trim().slice(0, 40), why })], refused: true });
  const spread = (total, places) => {
    const by = byId("grid-spread").value;
    const weights = places.map({ forecast, equal: () => 1, last_year: (place) => value("last_year", place) }[by]);
    const found = gridSpreading.over(by, total, weights);
    if (!found) return { why: _("Last year is not known for all %(periods)s; spread the sum in another way.", { periods: manyPeriods() }) };
    return { amounts: found.amounts, told: _("%(units)s spread over %(periods)s %(how)s.", { units: `${amountWords(total)} ${data.unit}`, periods: plural(places.length, data.period), how: found.how }) };
  };
  const overrideBy = (column, text) => {
    const places = ahead(column), read = typedNumbers.readChange(text), { limits } = data;
    const right = [column.key, ...places.map((place) => data.dates[place])].filter((key, at, all) => wrong.has(key) && all.indexOf(key) === at)
      .map((key) => kept("wrong", key, wrong.get(key), undefined));
    const each = (contents) => ({ changes: [...right, ...places.map((place, at) => kept("typed", data.dates[place], strip(wanted(place)), contents[at]))] });
    const own = (place) => typed.get(data.dates[place])?.comment ?? "";
    if (read.why) return refuse(column.key, text, read.why);
    if (read.is === "nothing") return each(places.map(() => ({ way: null, comment: "" })));
    if (read.is === "percent") {
      if (!read.amount || read.amount < limits.least_percent || read.amount > limits.most_percent) return refuse(column.key, text, _("“%(text)s”: give a percent from %(least)s to %(most)s, not 0.", { text: text.trim().slice(0, 40), least: contentWords({ way: "percent", amount: limits.least_percent }), most: contentWords({ way: "percent", amount: limits.most_percent }) }));
      return each(places.map((place) => ({ way: "percent", amount: read.amount, comment: own(place) })));
    }
    const model = places.reduce((sum, place) => sum + value("model", place), 0), total = read.is === "more" ? model + read.amount : read.amount;
    if (total < 0 || total > limits.most_units) return refuse(column.key, text, (total < 0 ? _("“%(text)s” makes %(units)s; it must be 0 or more.", { text: text.trim().slice(0, 40), units: `${amountWords(total).replace("-", "−")} ${data.unit}` }) : _("“%(text)s” makes %(units)s; at most %(most)s is allowed.", { text: text.trim().slice(0, 40), units: `${amountWords(total).replace("-", "−")} ${data.unit}`, most: amountWords(limits.most_units) })));
    if (places.length === 1) return each([{ way: "value", amount: total, comment: own(places[0]) }]);
    const { amounts, told, why } = spread(total, places);
    return why ? refuse(column.key, text, why) : { ...each(amounts.map((amount, at) => ({ way: "value", amount, comment: own(places[at]) }))), told };
  };
  const strip = ({ way, amount, comment, many }) => (many ? { many } : { way, amount, comment: comment || "" });
  const driverBy = (one, column, text) => {
    const key = `${one.driver}|${column.key}`, right = wrong.has(key) ? [kept("wrong", key, wrong.get(key), undefined)] : [];
    let after = text.trim();
    if (after && one.driver_kind === "number") {
      const read = typedNumbers.readChange(after);
      if (read.why) return refuse(key, text, read.why);
      after = read;
    } else if (one.driver_kind === "yes_no") {
      const word = after.toLowerCase();
      if (!["", _("yes"), _("no"), "yes", "no", "0", "1"].includes(word)) return refuse(key, text, _("“%(text)s”: write yes or no.", { text: text.trim().slice(0, 40) }));
      after = word === "" ? "" : [_("yes"), "yes", "1"].includes(word) ? 1 : 0;
    }
    return { changes: [...right, ...ahead(column).map((place) => {
      const at = `${one.driver}|${data.dates[place]}`, plan = one.values[place];
      let next = after === "" ? undefined : after;
      if (next?.is) next = next.is === "units" ? next.amount : next.is === "more" ? plan + next.amount : Math.round(plan * (1 + next.amount / 100) * 1e6) / 1e6;
      return kept("drivers", at, drivers.get(at), next === plan ? undefined : next);
    })] };
  };
  const changeBy = (one, column, text) => (one.name === "override" ? overrideBy(column, text) : driverBy(one, column, text));
  const enter = (pairs) => {
    const done = pairs.map(([one, column, text]) => changeBy(one, column, text)), refused = done.filter((each) => each.refused).length;
    const told = done.map((each) => each.told).filter(Boolean);
    if (refused && pairs.length > 1) told.push(_("%(count)s of %(cells)s refused; the others were taken.", { count: refused, cells: plural(pairs.length, "cell") }));
    act(done.flatMap((each) => each.changes), told.join(" "));
    return !refused;
  };

  // Moving, selecting, typing.
  const cellAt = ({ row: at, column }) => cells[at]?.[column];
  const rectangle = () => {
    const from = anchor ?? active;
    return { top: Math.min(from.row, active.row), bottom: Math.max(from.row, active.row), left: Math.min(from.column, active.column), right: Math.max(from.column, active.column) };
  };
  const pick = (to, extend = false, focus = true) => {
    const firstRow = bucket === frequency ? 1 : 0;
    to = { row: Math.max(firstRow, Math.min(to.row, cells.length - 1)), column: Math.max(0, Math.min(to.column, columns.length - 1)) };
    if (active && cellAt(active)) { cellAt(active).tabIndex = -1; cellAt(active).removeAttribute("aria-describedby"); }
    anchor = extend ? anchor ?? active : null;
    active = to;
    picked.forEach((cell) => { cell.classList.remove("grid-picked"); cell.removeAttribute("aria-selected"); });
    const { top, bottom, left, right } = rectangle();
    picked = anchor ? cells.slice(Math.max(top, 1), bottom + 1).flatMap((line) => line.slice(left, right + 1)) : [];
    picked.forEach((cell) => { cell.classList.add("grid-picked"); cell.ariaSelected = "true"; });
    const cell = cellAt(active);
    cell.tabIndex = 0;
    if (data.rows[active.row - 1]?.name === "override") cell.setAttribute("aria-describedby", "grid-detail");
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
    if (opened.has(column.key)) opened.delete(column.key); else opened.add(column.key);
    draw();
    pick({ row: 0, column: columns.findIndex((each) => each.key === column.key) });
  };
  const edit = (text) => {
    const one = data.rows[active.row - 1], column = columns[active.column];
    if (!one || !canEdit(one, column)) { message = one ? (data.is_editable ? _("Only Override and drivers ahead can be changed.") : "") : ""; tell(); return; }
    const cell = cellAt(active), found = shown(one, column);
    const before = one.name === "override" && !column.isSum && !wrong.has(column.key) && wanted(column.places[0]).way === "value" ? typedNumbers.write(wanted(column.places[0]).amount)
      : one.name === "override" && column.isSum && !wrong.has(column.key) ? "" : one.kind === "driver" && typeof found.value === "number" && one.driver_kind === "number" ? typedNumbers.write(found.value) : (found.text ?? "").replace("\u00a0", " ");
    editor = make("input", { type: "text", className: "grid-editor", value: text ?? before, autocomplete: "off", spellcheck: false });
    editor.ariaLabel = `${rowTitle(one)}, ${column.name}`;
    editor.dataset.before = before;
    cell.replaceChildren(editor);
    editor.focus();
    if (text === undefined) editor.select();
  };
  const leave = (isKept, step = 0) => {
    if (!editor) return;
    const field = editor, one = data.rows[active.row - 1], column = columns[active.column];
    editor = null;
    field.remove();
    if (isKept && field.value !== field.dataset.before) enter([[one, column, field.value]]);
    refresh(new Set([column.key]));
    if (step !== null) pick({ row: active.row, column: active.column + step });
  };
  const selected = () => {
    const { top, bottom, left, right } = rectangle(), found = [];
    for (let at = Math.max(top, 1); at <= bottom; at += 1) for (let place = left; place <= right; place += 1) found.push([data.rows[at - 1], columns[place]]);
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
    if (!active || !data.rows[active.row - 1]) { message = _("Choose a cell of the row Override first."); tell(); return; }
    const { left, right, top, bottom } = rectangle(), pairs = [];
    for (let at = Math.max(top, 1); at <= bottom; at += 1) {
      const one = data.rows[at - 1], from = left === right ? left - 1 : left;
      for (let place = left === right ? left : left + 1; place <= right; place += 1) {
        if (columns[from] && canEdit(one, columns[place]) && ahead(columns[from]).length) pairs.push([one, columns[place], textToFill(one, columns[from])]);
      }
    }
    if (pairs.length) enter(pairs);
    else { message = _("Select cells of the row Override, the first with the value to fill in."); tell(); }
  };
  const comment = () => {
    const places = active && data.rows[active.row - 1]?.name === "override" ? [...new Set(selected().flatMap(([one, column]) => (one.name === "override" ? ahead(column) : [])))].filter((place) => wanted(place).way) : [];
    if (!places.length) { message = _("Choose overrides to comment first."); tell(); return; }
    const dialog = make("dialog", { id: "grid-dialog" }), field = make("input", { className: "form-control mb-3", maxLength: data.limits.longest_comment, value: wanted(places[0]).comment || "", id: "grid-cell-comment", autocomplete: "off" });
    const form = make("form", { method: "dialog" }, make("label", { className: "form-label", htmlFor: "grid-cell-comment", textContent: _("Comment on %(periods)s", { periods: places.length === 1 ? period(data.dates[places[0]]) : plural(places.length, data.period) }) }), field, make("button", { className: "btn btn-primary btn-sm me-2", value: "ok", textContent: _("Comment") }), make("button", { className: "btn btn-outline-secondary btn-sm", value: "cancel", formNoValidate: true, textContent: _("Cancel") }));
    dialog.append(form);
    document.body.append(dialog);
    dialog.addEventListener("close", () => {
      const text = field.value.trim().replace(/\s+/g, " ");
      dialog.remove();
      if (dialog.returnValue === "ok" && text) act(places.map((place) => kept("typed", data.dates[place], strip(wanted(place)), { ...strip(wanted(place)), comment: text })));
      pick(active);
    });
    dialog.showModal();
    field.focus();
  };

  const onKey = (event) => {
    if (event.target.closest("#grid-dialog")) return;
    const isControl = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    if (event.target === editor) {
      if (event.key === "Enter" || event.key === "Tab") { event.preventDefault(); leave(true, event.key === "Tab" ? (event.shiftKey ? -1 : 1) : 0); }
      else if (event.key === "Escape") { event.stopPropagation(); leave(false); }
      return;
    }
    if (isControl && key === "z" && !event.shiftKey) back(past, future, "before");
    else if (isControl && (key === "y" || (key === "z" && event.shiftKey))) back(future, past, "after");
    else if (isControl && key === "r") fill();
    else if (isControl && key === "a") { anchor = { row: 1, column: 0 }; pick({ row: cells.length - 1, column: columns.length - 1 }, true); }
    else if (event.key === "F2" && event.shiftKey) comment();
    else if (event.key === "Enter" && active.row === 0) toggle(columns[active.column]);
    else if (event.key === "F2" || event.key === "Enter") edit();
    else if (event.key === "Delete" || event.key === "Backspace") clear();
    else if (event.key === "Home") pick({ row: isControl ? 1 : active.row, column: 0 }, event.shiftKey);
    else if (event.key === "End") pick({ row: isControl ? cells.length : active.row, column: columns.length }, event.shiftKey);
    else if (event.key === "PageDown" || event.key === "PageUp") pick({ row: active.row, column: active.column + (event.key === "PageUp" ? -7 : 7) }, event.shiftKey);
    else if (event.key.startsWith("Arrow")) {
      const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      pick({ row: active.row + down, column: active.column + right }, event.shiftKey);
    } else if (!isControl && !event.altKey && event.key.length === 1 && active.row > 0 && canEdit(data.rows[active.row - 1], columns[active.column])
      && (/[\p{Nd}+\-−.,]/u.test(event.key) || (data.rows[active.row - 1].kind === "driver" && data.rows[active.row - 1].driver_kind !== "number"))) edit(event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const where = (target) => {
    const cell = target.closest?.("#grid-table td, #grid-table thead th:not(.grid-name)");
    if (!cell) return null;
    const at = cells.findIndex((line) => line[0].parentElement === cell.parentElement);
    return { row: at, column: cells[at].indexOf(cell) };
  };
  const inGrid = () => document.activeElement.closest?.("#grid-table") && document.activeElement !== editor;

  document.addEventListener("mousedown", (event) => {
    const to = data && event.button === 0 && event.target !== editor ? where(event.target) : null;
    if (!to) return;
    event.preventDefault();
    if (editor) leave(true, null);
    const isAgain = active && to.row === active.row && to.column === active.column && document.activeElement === cellAt(active);
    pick(to, event.shiftKey);
    if (to.row === 0) toggle(columns[to.column]);
    else if (isAgain && !event.shiftKey && canEdit(data.rows[to.row - 1], columns[to.column])) edit();
  });
  document.addEventListener("mouseover", (event) => {
    if (!data || event.buttons !== 1 || !active || editor || !inGrid()) return;
    const to = where(event.target);
    if (to && to.row > 0 && active.row > 0 && (to.row !== active.row || to.column !== active.column)) pick(to, true);
  });
  document.addEventListener("focusin", (event) => {
    const to = data && event.target !== editor ? where(event.target) : null;
    if (to) isTouched = true;
    if (to && (to.row !== active?.row || to.column !== active?.column)) pick(to, false, false);
  });
  document.addEventListener("focusout", (event) => { if (event.target === editor && editor.isConnected) leave(true, null); });

  document.addEventListener("copy", (event) => {
    if (!data || !inGrid()) return;
    const { top, bottom, left, right } = rectangle(), lines = [];
    for (let at = Math.max(top, 1); at <= bottom; at += 1) {
      const one = data.rows[at - 1];
      lines.push(columns.slice(left, right + 1).map((column) => {
        if (one.name === "override") return data.overrides && ahead(column).length ? textToFill(one, column) : "";
        const found = shown(one, column);
        return typeof found.value === "number" && one.driver_kind !== "yes_no" ? typedNumbers.write(found.value) : found.text ?? "";
      }).join("\t"));
    }
    event.clipboardData.setData("text/plain", lines.join("\n"));
    event.preventDefault();
    message = _("%(cells)s copied.", { cells: plural((bottom - Math.max(top, 1) + 1) * (right - left + 1), "cell") });
    byId("grid-status").textContent = message;
  });
  document.addEventListener("paste", (event) => {
    if (!data || !data.is_editable || !inGrid() || active.row === 0) return;
    event.preventDefault();
    const block = event.clipboardData.getData("text/plain").replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
    const { top, bottom, left, right } = rectangle(), isOne = block.length === 1 && block[0].length === 1, pairs = [], lost = [];
    const height = isOne ? bottom - top + 1 : block.length;
    for (let at = 0; at < height; at += 1) {
      const line = isOne ? Array(right - left + 1).fill(block[0][0]) : block[at], one = data.rows[top - 1 + at];
      line.forEach((text, place) => {
        const column = columns[left + place];
        if (one && column && canEdit(one, column)) pairs.push([one, column, text.replace(/^"(.*)"$/, "$1")]);
        else if (text.trim()) lost.push(text.trim());
      });
    }
    if (pairs.length) enter(pairs);
    if (lost.length) {
      const more = block.length > 1 && block.every((line) => line.length === 1) ? ` ${{ day: _("Each day is a column: paste the values as one row."), week: _("Each week is a column: paste the values as one row."), month: _("Each month is a column: paste the values as one row."), quarter: _("Each quarter is a column: paste the values as one row.") }[data.period]}` : "";
      const first = `${lost.slice(0, 3).join("; ")}${lost.length > 3 ? " …" : ""}`, missed = _("%(values)s skipped (%(first)s): no editable cell.", { values: plural(lost.length, "pasted value"), first });
      message = `${message} ${missed}${more}`.trim();
      tell();
    }
  });

  // Saving.
  const save = async () => {
    const form = byId("grid-form"), sent = new Map(typed);
    if (isSaving || !sent.size) return;
    form.elements.cells.value = JSON.stringify([...sent].map(([date, { way, amount, comment: own, seen }]) => ({ date, way, amount: way ? amount : null, comment: own, seen })));
    isSaving = true;
    unsaved = "";
    message = _("Saving …");
    refresh();
    const [status, answer] = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } })
      .then(async (response) => [response.status, response.headers.get("Content-Type")?.includes("json") ? await response.json() : { page: await response.text() }])
      .catch(() => [0, {}]);
    message = "";
    if (status === 200 && known(answer.overridden)) {
      sent.forEach((content, date) => { if (typed.get(date) === content) typed.delete(date); else if (typed.has(date)) typed.get(date).seen = null; });
      conflicts.clear();
      const field = byId("grid-comment");
      field.value = field.defaultValue;
      message = _("Saved: %(periods)s.", { periods: plural(sent.size, data.period) });
      const before = data;
      await reload().catch(() => null);
      if (data === before) message = `${message} ${_("The page could not be refreshed; reload it.")}`;
      if (document.activeElement === document.body) pick(active);
    } else if (status === 409 && answer.changed) {
      answer.changed.forEach((one) => conflicts.set(one.date, one));
      unsaved = _("Nothing was saved.");
    } else if (answer.errors) {
      answer.errors.forEach(({ date, message: why }) => { if (date) wrong.set(date, { text: contentWords(typed.get(date) ?? {}), why }); });
      unsaved = [_("Nothing was saved."), ...answer.errors.filter(({ date }) => !date).map((one) => one.message)].join(" ");
    } else {
      const text = answer.page ? new DOMParser().parseFromString(answer.page, "text/html").body.textContent.replace(/\s+/g, " ").trim().slice(0, 300) : "";
      unsaved = status ? _("Not saved (%(status)s). What you typed is still here, also after a reload.", { status }) : _("Not saved: the app does not answer. What you typed is still here, also after a reload.");
      unsaved = `${unsaved} ${text}`;
    }
    isSaving = false;
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
    data.rows.filter((one) => one.kind === "driver").forEach((one) => {
      let open = null;
      data.ahead.forEach((place) => {
        const date = data.dates[place], next = drivers.get(`${one.driver}|${date}`);
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
    undo: () => back(past, future, "before"),
    redo: () => back(future, past, "after"),
    fill, comment,
    discard: () => { wrong.clear(); conflicts.clear(); act([...typed.keys()].filter((date) => data.placeOf.has(date)).map((date) => kept("typed", date, strip(typed.get(date)), held(data.placeOf.get(date))))); },
    theirs: () => { conflicts.forEach((_one, date) => typed.delete(date)); conflicts.clear(); past = []; future = []; unsaved = ""; reload(); },
    mine: () => { conflicts.forEach((one, date) => { if (typed.has(date)) typed.get(date).seen = one.seen; }); conflicts.clear(); byId("grid-form").requestSubmit(); },
    "what-if": whatIf,
    "forget-drivers": () => act([...drivers].map(([key, before]) => kept("drivers", key, before, undefined))),
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-grid]");
    if (button && data) does[button.dataset.grid]();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "grid-bucket") { bucket = event.target.value; opened = new Set(); redraw(); }
    if (event.target.id === "grid-lead") { lead = event.target.value; row("past_forecast").values = row("past_forecast").leads[lead]; draw(); pick(active, false, false); }
  });
  window.addEventListener("beforeunload", (event) => { if (typed.size) event.preventDefault(); });

  const redraw = () => {
    const spreads = byId("grid-spread-field");
    if (spreads) spreads.hidden = bucket === frequency;
    active = null;
    anchor = null;
    draw();
    const at = columns.findIndex((column) => ahead(column).length), line = data.rows.findIndex((one) => one.name === (data.overrides ? "override" : "forecast"));
    pick({ row: Math.max(line, 0) + 1, column: Math.max(at, 0) }, false, false);
    const box = byId("grid-place"), cell = cellAt(active);
    box.scrollLeft = Math.max(0, cell.offsetLeft - box.querySelector(".grid-name").offsetWidth - (cell.previousElementSibling?.matches(".grid-past") ? cell.previousElementSibling.offsetWidth : 0));
  };

  // The grid of what the server sent; again where that part of the page was drawn anew.
  const start = () => {
    const script = byId("grid-data");
    if (!script || script.dataset.read) return;
    script.dataset.read = "yes";
    const before = data && active ? { name: data.rows[active.row - 1]?.name, key: columns[active.column]?.key, left: scrolled, had: hadFocus } : null;
    const { unit, period: word } = byId("grid").dataset;
    data = { ...JSON.parse(script.textContent), unit, period: word };
    chart = document.querySelector("#result .chart-data")?.textContent;
    data.byName = new Map(data.rows.map((one) => [one.name, one]));
    data.placeOf = new Map(data.dates.map((date, place) => [date, place]));
    data.lead = new Map(data.ahead.map((place, lead) => [place, lead]));
    editor = null;
    const leads = row("past_forecast")?.leads;
    byId("grid-lead-field").hidden = !leads;
    if (leads) {
      if (!leads[lead]) [lead] = Object.keys(leads);
      row("past_forecast").values = leads[lead];
      byId("grid-lead").replaceChildren(...Object.keys(leads).map((each) => new Option(_("%(periods)s before", { periods: plural(Number(each), word) }), each, false, each === lead)));
    }
    if (byId("grid-bucket")) byId("grid-bucket").value = bucket;
    if (data.is_editable) {
      if (!before && !typed.size) {
        JSON.parse(sessionStorage.getItem(draft()) || "[]").forEach(([date, content]) => typed.set(date, content));
        const comment = sessionStorage.getItem(draftComment());
        if (typed.size && comment && !byId("grid-comment").value) byId("grid-comment").value = comment;
      }
      [...typed].forEach(([date, content]) => {
        const place = data.placeOf.get(date);
        if (!data.lead.has(place)) { typed.delete(date); message = _("%(date)s is known by now; what you typed for it was dropped.", { date: period(date) }); return; }
        if (same(content, held(place))) { typed.delete(date); return; }  // it was saved before the page was left
        const now = data.overrides[data.lead.get(place)];
        if (content.seen === null) content.seen = now.seen;
        if (content.seen !== now.seen) conflicts.set(date, { date, seen: now.seen, words: contentWords(held(place)), comment: now.comment ?? "", by: now.count ? now.by ?? _("someone") : "" });
      });
    }
    redraw();
    if (!before) return;
    const at = { row: data.rows.findIndex((one) => one.name === before.name) + 1, column: columns.findIndex((column) => column.key === before.key) };
    if (at.column >= 0) pick(at, false, before.had);
    byId("grid-place").scrollLeft = before.left;
  };
  let scrolled = 0, hadFocus = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!byId("grid") || !event.detail.target?.contains(byId("grid"))) return;
    scrolled = byId("grid-place").scrollLeft;
    hadFocus = Boolean(document.activeElement.closest?.("#grid-table"));
    if (editor) leave(true, null);
  });
  document.addEventListener("keydown", (event) => { if (data && event.target.closest?.("#grid-table")) onKey(event); });
  document.addEventListener("input", (event) => { if (event.target.id === "grid-comment") sessionStorage.setItem(draftComment(), event.target.value); });
  document.addEventListener("DOMContentLoaded", start);
  document.addEventListener("htmx:afterSwap", start);
})();
