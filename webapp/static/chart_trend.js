// Draws every .trend-chart from the JSON beside it: WAPE by period of naive, model and plan.
(() => {
  "use strict";
  const { colour, common, inPercent, chartOf, follow } = charts;
  const { percent, day } = inLocale;
  const lines = [["--bs-secondary-color", "dashed"], ["--plan", "solid"], ["--scenario", "dotted"]];

  const draw = () => document.querySelectorAll(".trend-chart").forEach((place) => {
    const data = JSON.parse(place.nextElementSibling.textContent), { text, base } = common();
    chartOf(place).setOption({
      ...base,
      grid: { left: 4, right: 8, top: 56, bottom: 4, containLabel: true },
      legend: { top: 0, left: 0, textStyle: { color: text } },
      tooltip: { ...base.tooltip, valueFormatter: (value) => percent(value, 1) },
      xAxis: { ...base.xAxis, data: data.dates.map(day) },
      yAxis: { ...inPercent(base), min: 0 },
      series: data.series.map((one, number) => ({ name: one.name, type: "line", data: one.values, symbolSize: 5, lineStyle: { color: colour(lines[number][0]), type: lines[number][1], width: 2 }, itemStyle: { color: colour(lines[number][0]) } })),
    }, true);
  });

  follow(".trend-chart", draw);
})();
