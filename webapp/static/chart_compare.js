// Draws every .compare-chart from the JSON beside it: past demand, and forecasts over one another with their bands.
// The chart library is fetched when the first one is to be drawn.
(() => {
  "use strict";
  const library = document.currentScript.dataset.charts;
  const { colour, common, bandOf, boxOf, chartOf, follow } = charts;
  const { percent, day } = inLocale;

  const band = (line, shade) => (line.rows.some((row) => row.length > 2) ? bandOf(_("%(name)s: %(coverage)s interval", { name: line.name, coverage: percent(80) }), line.rows, shade, 0.16) : []);

  const options = (data, unit) => {
    const { text, base } = common();
    const colours = [colour("--scenario"), colour("--plan")], styles = ["dashed", "solid"];
    const dates = [...new Set([...data.actual, ...data.lines.flatMap((line) => line.rows)].map((row) => row[0]))].sort();
    return {
      ...base,
      grid: { left: 8, right: 16, top: 40, bottom: 8, containLabel: true },
      legend: { type: "scroll", top: 4, left: 0, right: 0, textStyle: { color: text }, itemWidth: 28, itemHeight: 10, itemStyle: { opacity: 0 }, data: [_("Sold"), ...data.lines.map((line) => line.name)] },
      tooltip: { ...base.tooltip, formatter: boxOf([[_("Sold"), data.actual], ...data.lines.map((line) => [line.name, line.rows])], unit) },
      xAxis: { ...base.xAxis, data: dates, boundaryGap: false, axisLabel: { ...base.xAxis.axisLabel, formatter: day } },
      yAxis: { ...base.yAxis, min: 0 },
      series: [
        ...data.lines.flatMap((line, place) => band(line, colours[place])),
        { name: _("Sold"), type: "line", data: data.actual, symbol: "none", lineStyle: { color: text, width: 1.5 }, itemStyle: { color: text } },
        ...data.lines.map((line, place) => ({ name: line.name, type: "line", data: line.rows.map(([date, value]) => [date, value]), symbol: "none", lineStyle: { color: colours[place], width: 2.5, type: styles[place] }, itemStyle: { color: colours[place] } })),
      ],
    };
  };

  const drawAll = () => document.querySelectorAll(".compare-chart").forEach((place) => {
    chartOf(place).setOption(options(JSON.parse(place.parentElement.querySelector(".compare-data").textContent), place.dataset.unit), true);
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

  follow(".compare-chart", draw);
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id !== "before-after") return;
    draw();
    event.detail.target.querySelector("summary")?.focus({ preventScroll: true });
  });
})();
