// Draws every .compare-chart from the JSON beside it: past demand, and forecasts over one another with their bands.
// The chart library is fetched when the first one is to be drawn.
(() => {
  "use strict";
  const library = document.currentScript.dataset.charts;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const { number, percent, day, period } = inLocale;

  // A band is an invisible line at its lower edge with its height stacked on top.
  const band = (name, rows, fill) => rows.some((row) => row.length > 2) ? [
    { name: _("%(name)s: %(coverage)s interval", { name, coverage: percent(80) }), type: "line", stack: name, data: rows.map(([date, , lower]) => [date, lower]), lineStyle: { opacity: 0 }, symbol: "none", silent: true },
    { name: _("%(name)s: %(coverage)s interval", { name, coverage: percent(80) }), type: "line", stack: name, data: rows.map(([date, , lower, upper]) => [date, upper - lower]), lineStyle: { opacity: 0 }, areaStyle: { color: fill, opacity: 0.16 }, symbol: "none", silent: true },
  ] : [];

  const options = (data, unit) => {
    const text = colour("--bs-body-color"), faint = colour("--bs-border-color");
    const colours = [colour("--scenario"), colour("--plan")], styles = ["dashed", "solid"];
    const dates = [...new Set([...data.actual, ...data.lines.flatMap((line) => line.rows)].map((row) => row[0]))].sort();
    const tooltip = (points) => {
      const date = points[0].axisValue, box = document.createElement("div");
      box.appendChild(document.createElement("strong")).textContent = period(date);
      const say = (words) => { box.appendChild(document.createElement("div")).textContent = words; };
      const known = data.actual.find((row) => row[0] === date);
      if (known && known[1] !== null) say(`${_("Sold")}: ${number(known[1])} ${unit}`);
      data.lines.forEach((line) => {
        const row = line.rows.find((each) => each[0] === date);
        if (row) say(`${line.name}: ${number(row[1])}${row.length > 2 ? ` (${_("%(least)s to %(most)s", { least: number(row[2]), most: number(row[3]) })})` : ""} ${unit}`);
      });
      return box;
    };
    return {
      animation: false,
      textStyle: { color: text, fontFamily: colour("--bs-body-font-family") },
      grid: { left: 8, right: 16, top: 40, bottom: 8, containLabel: true },
      legend: { type: "scroll", top: 4, left: 0, right: 0, textStyle: { color: text }, itemWidth: 28, itemHeight: 10, itemStyle: { opacity: 0 }, data: [_("Sold"), ...data.lines.map((line) => line.name)] },
      tooltip: { trigger: "axis", formatter: tooltip, backgroundColor: colour("--bs-body-bg"), borderColor: faint, textStyle: { color: text }, confine: true },
      xAxis: { type: "category", data: dates, boundaryGap: false, axisLine: { lineStyle: { color: faint } }, axisLabel: { color: text, hideOverlap: true, formatter: day }, axisTick: { show: false } },
      yAxis: { type: "value", min: 0, axisLabel: { color: text, formatter: number }, splitLine: { lineStyle: { color: faint } } },
      series: [
        ...data.lines.flatMap((line, place) => band(line.name, line.rows, colours[place])),
        { name: _("Sold"), type: "line", data: data.actual, symbol: "none", lineStyle: { color: text, width: 1.5 }, itemStyle: { color: text } },
        ...data.lines.map((line, place) => ({ name: line.name, type: "line", data: line.rows.map(([date, value]) => [date, value]), symbol: "none", lineStyle: { color: colours[place], width: 2.5, type: styles[place] }, itemStyle: { color: colours[place] } })),
      ],
    };
  };

  const drawAll = () => document.querySelectorAll(".compare-chart").forEach((place) => {
    const chart = echarts.getInstanceByDom(place) || echarts.init(place, null, { renderer: "canvas" });
    chart.setOption(options(JSON.parse(place.parentElement.querySelector(".compare-data").textContent), place.dataset.unit), true);
  });

  let isAsked = false;  // the library is on its way
  const draw = () => {
    if (!document.querySelector(".compare-chart")) return;
    if (window.echarts) { drawAll(); return; }
    if (isAsked) return;
    isAsked = true;
    const script = document.head.appendChild(document.createElement("script"));
    script.addEventListener("load", drawAll);
    script.addEventListener("error", () => { isAsked = false; });  // without a network; the next time it is asked for anew
    script.src = library;
  };

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("theme", () => { if (document.readyState !== "loading") draw(); });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id !== "before-after") return;
    draw();
    event.detail.target.querySelector("summary")?.focus({ preventScroll: true });
  });
  window.addEventListener("resize", () => document.querySelectorAll(".compare-chart").forEach((place) => window.echarts?.getInstanceByDom(place)?.resize()));
})();
