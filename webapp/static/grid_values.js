// What stands in a cell of the grid: the value of a row in a period or its sum, with what is typed, and in words.
const gridValues = (() => {
  "use strict";
  const { locale } = document.documentElement.dataset;
  const { drivers, known, manyPeriods, plural, state, typed, wrong } = gridState;
  const { ahead } = gridPeriods;

  // What holds in a period, and what it makes of the forecast.
  const held = (place) => {
    const { count, way, amount, comment } = state.data.overrides[state.data.lead.get(place)];
    return !count ? { way: null, comment: "" } : way ? { way, amount, comment } : { many: count };
  };
  const wanted = (place) => typed.get(state.data.dates[place]) ?? held(place);
  const row = (name) => state.data.byName.get(name);
  const value = (name, place) => row(name)?.values[place] ?? null;
  const made = ({ way, amount }, model) => (way === "value" ? amount : way === "percent" ? model * (1 + amount / 100) : model);
  const isTyped = (place) => state.data.is_editable && typed.has(state.data.dates[place]) && state.data.lead.has(place);
  const forecast = (place) => (isTyped(place) ? made(wanted(place), value("model", place)) : value("forecast", place));
  const bound = (name, place) => {
    if (!isTyped(place)) return value(name, place);
    if (!state.data.below) return null;  // of a sum only the server knows it
    const content = wanted(place), lead = state.data.lead.get(place), size = content.way === "percent" ? 1 + content.amount / 100 : 1;
    return name === "lower" ? Math.max(0, forecast(place) - size * state.data.below[lead]) : forecast(place) + size * state.data.above[lead];
  };
  const money = (name, place) => {
    if (!isTyped(place)) return value(name, place);
    const lead = state.data.lead.get(place), price = state.data.price?.[lead], cost = name.startsWith("money-Margin") ? state.data.cost?.[lead] : 0;
    return known(price) && known(cost) ? forecast(place) * (price - cost) : null;
  };
  const driver = (one, place) => drivers.get(`${one.driver}|${state.data.dates[place]}`) ?? one.values[place];
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
    if (one.kind === "money") return written(found, state.data.money_decimals);
    if (one.kind === "price") return written(found, state.data.money_decimals, state.data.money_decimals + 2);
    if (one.kind === "driver") return one.driver_kind === "yes_no" ? (Number(found) ? _("yes") : "") : typeof found === "number" ? driverWords(one, found) : String(found);
    const text = written(Math.abs(found), state.data.decimals);
    return one.kind === "signed" && Number(Math.abs(found).toFixed(state.data.decimals)) ? `${found > 0 ? "+" : "−"}${text}` : text;
  };

  // The sum of a row over several periods, where a sum is meant: {value, text}, or {why} where there is none.
  const summed = (one, column) => {
    const later = new Set(ahead(column)), before = column.places.filter((place) => !later.has(place) || (one.name === "sold" && known(one.values[place])));
    if (one.name === "lower" || one.name === "upper") return { why: _("No interval for a sum of %(periods)s: their intervals do not add up.", { periods: manyPeriods() }) };
    if (one.kind === "driver" || one.kind === "price") {
      const values = column.places.map((place) => valueOf(one, place)).filter(known);
      if (one.driver_kind === "yes_no") { const count = values.filter(Number).length; return { text: count ? plural(count, state.data.period) : "" }; }
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
    const places = state.data.overrides ? ahead(column) : [], contents = places.map(wanted);
    if (!column.isSum || contents.length === 1) return { text: contents.length ? contentWords(contents[0]) : "" };
    const set = contents.filter(({ way, many }) => way || many);
    if (!set.length) return { text: "" };
    if (set.length === contents.length && set.every(({ way }) => way === "value")) return { text: amountWords(set.reduce((sum, { amount }) => sum + amount, 0)) };
    if (set.length === contents.length && set.every(({ way, amount }) => way === "percent" && amount === set[0].amount)) return { text: contentWords(set[0]) };
    return { text: _("%(count)s of %(all)s", { count: set.length.toLocaleString(locale), all: plural(contents.length, state.data.period) }) };
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

  const canEdit = (one, column) => state.data.is_editable && ahead(column).length > 0 && (one.name === "override" || (one.kind === "driver" && state.data.below !== undefined));
  const rowTitle = (one) => {
    return (one.leads ? _("%(measure)s, %(periods)s before", { measure: one.title, periods: plural(Number(state.shownLead), state.data.period) }) : one.title).replace(" %", "\u00a0%");
  };

  return { amountWords, bound, canEdit, contentWords, forecast, held, isTyped, row, rowTitle, shown, value, valueOf, wanted, words };
})();
