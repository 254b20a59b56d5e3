// Draws every .trend-chart from the JSON beside it: WAPE by period of naive, model and plan.
(() => {
  "use strict";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const { percent, day } = inLocale;
  const places = () => document.querySelectorAll(".trend-chart");
  const lines = [["--bs-secondary-color", "dashed"], ["--plan", "solid"], ["--scenario", "dotted"]];

  const draw = () => places().forEach((place) => {
    const data = JSON.parse(place.nextElementSibling.textContent);
    const chart = echarts.getInstanceByDom(place) || echarts.init(place);
    const text = colour("--bs-body-color"), faint = colour("--bs-border-color");
    chart.setOption({
      animation: false,
      textStyle: { color: text, fontFamily: colour("--bs-body-font-family") },
      grid: { left: 4, right: 8, top: 56, bottom: 4, containLabel: true },
      legend: { top: 0, left: 0, textStyle: { color: text } },
      tooltip: { trigger: "axis", valueFormatter: (value) => percent(value, 1), backgroundColor: colour("--bs-body-bg"), borderColor: faint, textStyle: { color: text }, confine: true },
      xAxis: { type: "category", data: data.dates.map(day), axisLine: { lineStyle: { color: faint } }, axisLabel: { color: text, hideOverlap: true }, axisTick: { show: false } },
      yAxis: { type: "value", min: 0, axisLabel: { color: text, formatter: (value) => percent(value) }, splitLine: { lineStyle: { color: faint } } },
      series: data.series.map((one, number) => ({ name: one.name, type: "line", data: one.values, symbolSize: 5, lineStyle: { color: colour(lines[number][0]), type: lines[number][1], width: 2 }, itemStyle: { color: colour(lines[number][0]) } })),
    }, true);
  });

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("theme", () => { if (document.readyState !== "loading") draw(); });
  window.addEventListener("resize", () => places().forEach((place) => echarts.getInstanceByDom(place)?.resize()));
})();
