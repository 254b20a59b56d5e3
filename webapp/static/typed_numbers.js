// Numbers as the reader writes them, and no others: a text that means another number elsewhere is refused, not guessed.
const typedNumbers = (() => {
  "use strict";
  const { locale } = document.documentElement.dataset;
  const parts = new Intl.NumberFormat(locale, { minimumFractionDigits: 1 }).formatToParts(12345678.5);
  const digits = [...new Intl.NumberFormat(locale, { useGrouping: false }).format(9876543210)].reverse();
  const plain = (text) => [...text.replace(/[\u00a0\u2009\u202f]/g, " ").replaceAll("−", "-").trim()]
    .map((each) => (digits.includes(each) ? String(digits.indexOf(each)) : each)).join("");
  const mark = (type) => plain(`x${parts.find((each) => each.type === type)?.value ?? ""}x`).slice(1, -1);
  const decimal = mark("decimal") || ".";
  const groups = [...new Set([mark("group"), " ", "'", "’"])].filter((each) => each && each !== decimal);
  const inTwos = parts.filter((each) => each.type === "integer")[1]?.value.length === 2;
  const escaped = (text) => text.replace(/[.\\^$|?*+()[\]{}]/g, "\\$&");
  const [point, group] = [escaped(decimal), `(${groups.map(escaped).join("|")})`];
  const number = new RegExp(`^(?:(\\d+|[1-9]\\d{0,2}${group}\\d{3}(?:\\2\\d{3})*${inTwos ? `|[1-9]\\d?${group}(?:\\d{2}\\3)*\\d{3}` : ""})(?:${point}(\\d*))?|${point}(\\d+))$`);

  // The number of 0 or more that a text means; NaN where it means none, or more than one.
  const size = (text) => {
    const found = number.exec(text);
    if (!found) return NaN;
    const whole = (found[1] || "0").replace(/\D/g, ""), rest = found[inTwos ? 4 : 3] ?? found[inTwos ? 5 : 4] ?? "";
    return Number(`${whole}.${rest || "0"}`);
  };
  const example = (1234.5).toLocaleString(locale);
  const noNumber = (text) => _("“%(text)s” is not a number as you write it, like %(example)s.", { text: text.slice(0, 40), example });

  return {
    // A number with its sign; NaN where the text is none.
    read: (text) => {
      const found = plain(text), sign = /^[+-]/.exec(found)?.[0] ?? "";
      return (sign === "-" ? -1 : 1) * size(found.slice(sign.length).trim());
    },
    // What is typed into a cell: {is: "nothing"}, or {is: "units" | "more" | "percent", amount}, or {why}.
    readChange: (text) => {
      const found = plain(text), sign = /^[+-]/.exec(found)?.[0] ?? "", isPercent = found.endsWith("%");
      if (!found) return { is: "nothing" };
      const amount = size(found.slice(sign.length, isPercent ? -1 : undefined).trim());
      if (Number.isNaN(amount)) return { why: noNumber(text.trim()) };
      if (isPercent && !sign) return { why: _("“%(text)s”: write +%(number)s or −%(number)s.", { text: text.trim().slice(0, 40), number: found }) };
      return { is: isPercent ? "percent" : sign ? "more" : "units", amount: sign === "-" ? -amount : amount };
    },
    // A number in full, as a spreadsheet of the reader takes it.
    write: (value) => value.toLocaleString(locale, { useGrouping: false, maximumFractionDigits: 15 }),
    noNumber,
  };
})();
