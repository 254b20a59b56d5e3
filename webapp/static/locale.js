// How charts write numbers, shares and dates: in the locale that the server writes in.
const inLocale = (() => {
  "use strict";
  const { locale, frequency } = document.documentElement.dataset;
  const known = (value) => value !== null && value !== undefined;
  const dates = (style) => {
    const format = new Intl.DateTimeFormat(locale, { ...style, timeZone: "UTC" });
    return (text) => format.format(new Date(`${text}T00:00:00Z`));
  };
  const short = frequency === "M" ? { month: "short", year: "numeric" } : { dateStyle: "medium" };
  const quarter = (text) => `Q${Math.ceil(Number(text.slice(5, 7)) / 3)} ${text.slice(0, 4)}`;
  const full = frequency === "D" ? { weekday: "short", day: "numeric", month: "short", year: "numeric" } : short;
  return {
    // As the server writes quantities: below 1 with two digits, wherever they stand.
    number: (value) => known(value) ? (Math.abs(value) < 1e-6 ? 0 : value).toLocaleString(locale, Math.abs(value) < 0.95 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 }) : "–",
    // A value in percent; a sign that follows the number stands off it.
    percent: (value, decimals = 0) => known(value) ? (value / 100).toLocaleString(locale, { style: "percent", minimumFractionDigits: decimals, maximumFractionDigits: decimals }).replace(/(?<=\d)(?=[%٪])/, "\u00a0") : "–",
    // The date of a period, given as 2026-06-30: for an axis, and in full.
    dates,
    day: frequency === "Q" ? quarter : dates(short),
    period: frequency === "Q" ? quarter : dates(full),
  };
})();
