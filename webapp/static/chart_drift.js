// Draws every .drift-chart from the JSON beside it: shares of each range in the training's year and since, side by side.
(() => {
  "use strict";
  const { colour, common, inPercent, chartOf, follow } = charts;
  const { percent } = inLocale;

  const draw = () => document.querySelectorAll(".drift-chart").forEach((place) => {
    const data = JSON.parse(place.nextElementSibling.textContent), { text, base } = common();
    chartOf(place).setOption({
      ...base,
      grid: { left: 4, right: 8, top: 36, bottom: 4, containLabel: true },
      legend: { top: 0, left: 0, textStyle: { color: text } },
      tooltip: { ...base.tooltip, valueFormatter: (value) => percent(value, 1), axisPointer: { type: "shadow" } },
      xAxis: { ...base.xAxis, data: data.bins, axisLabel: { ...base.xAxis.axisLabel, rotate: data.bins.length > 4 ? 35 : 0 } },
      yAxis: inPercent(base),
      series: [
        { name: _("Training's year"), type: "bar", data: data.before, itemStyle: { color: "transparent", borderColor: text, borderWidth: 1.5 } },
        { name: _("Since"), type: "bar", data: data.after, itemStyle: { color: colour("--plan") } },
      ],
    }, true);
  });

  follow(".drift-chart", draw);
})();
