// The columns of the grid: its periods, or sums of them by week, month or quarter that are opened one by one.
const gridPeriods = (() => {
  "use strict";
  const { frequency, locale } = document.documentElement.dataset;
  const { day, period } = inLocale;
  const { state } = gridState;

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
  const bucketHead = (key) => (state.bucket === "W" ? `${shortDay(key)} – ${shortDay(moved(key, 6))}` : state.bucket === "M" ? monthHead(`${key}-01`) : `${key.slice(5)} ${key.slice(0, 4)}`);

  const periodColumn = (place) => ({ key: state.data.dates[place], places: [place], isSum: false, title: headOf(state.data.dates[place]), name: period(state.data.dates[place]) });
  const columnsNow = () => {
    const all = state.data.dates.map((_date, place) => place);
    if (state.bucket === frequency) return all.map(periodColumn);
    const of = bucketOf[state.bucket], found = new Map(), first = state.data.dates[0], last = state.data.dates.at(-1);
    all.forEach((place) => { const key = of(state.data.dates[place]); found.set(key, [...(found.get(key) || []), place]); });
    return [...found].flatMap(([key, places]) => {
      const ahead = places.filter((place) => state.data.lead.has(place)).length;
      if (!ahead && of(beside(first, -1)) === key) return [];  // its beginning is not there
      const told = [];
      if (ahead && ahead < places.length) told.push(_("%(known)s known, %(ahead)s ahead", { known: places.length - ahead, ahead }));
      if (of(beside(last, 1)) === key) told.push(_("until %(date)s", { date: frequency === "D" || frequency === "W" ? shortDay(last) : day(last) }));
      const sum = { key: `${state.bucket}:${key}`, places, isSum: true, title: bucketHead(key), name: bucketHead(key), told: told.join("; ") };
      return state.opened.has(sum.key) ? [...places.map(periodColumn), sum] : [sum];
    });
  };
  const ahead = (column) => column.places.filter((place) => state.data.lead.has(place));

  return { ahead, columnsNow };
})();
