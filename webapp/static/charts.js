// What all charts share: the theme's colours, how axes, boxes and bands look, and that they follow theme and window.
const charts = (() => {
  "use strict";
  const { number, percent, period } = inLocale;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Options that every chart begins with, and the colours of its words and of the lines behind.
  const common = () => {
    const text = colour("--bs-body-color"), faint = colour("--bs-border-color");
    return {
      text, faint,
      base: {
        animation: false,
        textStyle: { color: text, fontFamily: colour("--bs-body-font-family") },
        tooltip: { trigger: "axis", backgroundColor: colour("--bs-body-bg"), borderColor: faint, textStyle: { color: text }, confine: true },
        xAxis: { type: "category", axisLine: { lineStyle: { color: faint } }, axisLabel: { color: text, hideOverlap: true }, axisTick: { show: false } },
        yAxis: { type: "value", axisLabel: { color: text, formatter: number }, splitLine: { lineStyle: { color: faint } } },
      },
    };
  };
  const inPercent = ({ yAxis }) => ({ ...yAxis, axisLabel: { ...yAxis.axisLabel, formatter: (value) => percent(value) } });

  // A band is an invisible line at its lower edge with its height stacked on top.
  const band = (name, lower, height, shade, opacity) => {
    const edge = { name, type: "line", stack: name, lineStyle: { opacity: 0 }, symbol: "none", silent: true };
    return [
      { ...edge, data: lower, itemStyle: { color: shade } },
      { ...edge, data: height, areaStyle: { color: shade, opacity }, itemStyle: { color: shade, opacity: 0.3 } },
    ];
  };
  // The same of rows with a date, a value, and the ends of its interval.
  const bandOf = (name, rows, shade, opacity) => band(name, rows.map(([date, , lower]) => [date, lower]), rows.map(([date, , lower, upper]) => [date, upper - lower]), shade, opacity);

  const intervalWords = (least, most) => ` (${_("%(least)s to %(most)s", { least: number(least), most: number(most) })})`;
  // What the box beside the pointer says of a date: a line of words for each, those without any left out.
  const box = (date, lines) => {
    const found = document.createElement("div");
    found.appendChild(document.createElement("strong")).textContent = period(date);
    lines.forEach((words) => { found.appendChild(document.createElement("div")).textContent = words; });
    return found;
  };
  // The same of lines that are [name, rows], at the date that is pointed to.
  const boxOf = (lines, unit) => ([{ axisValue: date }]) => box(date, lines.flatMap(([name, rows]) => {
    const row = rows.find((each) => each[0] === date);
    return row && row[1] !== null ? [`${name}: ${number(row[1])}${row.length > 2 ? intervalWords(row[2], row[3]) : ""} ${unit}`] : [];
  }));

  const chartOf = (place) => echarts.getInstanceByDom(place) || echarts.init(place);
  // Draw with the page, again in another theme, and fit what is seen to the window; that last as a function.
  const follow = (selector, draw) => {
    const resize = () => document.querySelectorAll(selector).forEach((place) => { if (place.clientWidth) window.echarts?.getInstanceByDom(place)?.resize(); });
    document.addEventListener("DOMContentLoaded", draw);
    document.addEventListener("theme", () => { if (document.readyState !== "loading") draw(); });
    window.addEventListener("resize", resize);
    return resize;
  };
  return { colour, common, inPercent, band, bandOf, box, boxOf, intervalWords, chartOf, follow };
})();
