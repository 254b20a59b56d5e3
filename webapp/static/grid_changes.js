// What may be typed into a cell of the grid, what it does to overrides and drivers, and undoing it.
const gridChanges = (() => {
  "use strict";
  const { byId, conflicts, drivers, manyPeriods, plural, state, typed, wrong } = gridState;
  const { ahead } = gridPeriods;
  const { amountWords, contentWords, forecast, held, value, wanted } = gridValues;
  const { refresh } = gridDrawing;

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
    const place = state.data.placeOf.get(key);
    if (!state.data.lead.has(place)) return false;
    if (same(content, held(place))) { typed.delete(key); conflicts.delete(key); } else if (content.many) return false;
    else typed.set(key, { way: content.way, amount: content.amount, comment: content.comment || "", seen: typed.get(key)?.seen ?? state.data.overrides[state.data.lead.get(place)].seen });
    return true;
  };
  const keysOf = (changes) => new Set(changes.map(({ key }) => key.split("|").at(-1)));
  const act = (changes, told = "") => {
    state.message = told;
    state.unsaved = changes.length ? "" : state.unsaved;
    if (changes.length) state.past.push(changes);
    if (changes.length) state.future = [];
    changes.forEach((change) => put(change, change.after));
    refresh(keysOf(changes));
  };
  const back = (from, to, name) => {
    const changes = from.pop();
    if (!changes) return;
    to.push(changes);
    const lost = changes.filter((change) => !put(change, change[name])).length;
    state.message = lost ? _("%(periods)s could not be undone here; use the list of overrides.", { periods: plural(lost, state.data.period) }) : "";
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
    return { amounts: found.amounts, told: _("%(units)s spread over %(periods)s %(how)s.", { units: `${amountWords(total)} ${state.data.unit}`, periods: plural(places.length, state.data.period), how: found.how }) };
  };
  const overrideBy = (column, text) => {
    const places = ahead(column), read = typedNumbers.readChange(text), { limits } = state.data;
    const right = [column.key, ...places.map((place) => state.data.dates[place])].filter((key, at, all) => wrong.has(key) && all.indexOf(key) === at)
      .map((key) => kept("wrong", key, wrong.get(key), undefined));
    const each = (contents) => ({ changes: [...right, ...places.map((place, at) => kept("typed", state.data.dates[place], strip(wanted(place)), contents[at]))] });
    const own = (place) => typed.get(state.data.dates[place])?.comment ?? "";
    if (read.why) return refuse(column.key, text, read.why);
    if (read.is === "nothing") return each(places.map(() => ({ way: null, comment: "" })));
    if (read.is === "percent") {
      if (!read.amount || read.amount < limits.least_percent || read.amount > limits.most_percent) return refuse(column.key, text, _("“%(text)s”: give a percent from %(least)s to %(most)s, not 0.", { text: text.trim().slice(0, 40), least: contentWords({ way: "percent", amount: limits.least_percent }), most: contentWords({ way: "percent", amount: limits.most_percent }) }));
      return each(places.map((place) => ({ way: "percent", amount: read.amount, comment: own(place) })));
    }
    const model = places.reduce((sum, place) => sum + value("model", place), 0), total = read.is === "more" ? model + read.amount : read.amount;
    if (total < 0 || total > limits.most_units) return refuse(column.key, text, (total < 0 ? _("“%(text)s” makes %(units)s; it must be 0 or more.", { text: text.trim().slice(0, 40), units: `${amountWords(total).replace("-", "−")} ${state.data.unit}` }) : _("“%(text)s” makes %(units)s; at most %(most)s is allowed.", { text: text.trim().slice(0, 40), units: `${amountWords(total).replace("-", "−")} ${state.data.unit}`, most: amountWords(limits.most_units) })));
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
      const at = `${one.driver}|${state.data.dates[place]}`, plan = one.values[place];
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

  return { act, back, enter, kept, same, strip };
})();
