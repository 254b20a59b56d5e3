// Draws every .drift-chart from the JSON beside it: shares of each range in the training's year and since, side by side.
(() => {
  "use strict";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const { percent } = inLocale;
  const places = () => document.querySelectorAll(".drift-chart");

  const draw = () => places().forEach((place) => {
    const data = JSON.parse(place.nextElementSibling.textContent);
    const chart = echarts.getInstanceByDom(place) || echarts.init(place);
    const text = colour("--bs-body-color"), faint = colour("--bs-border-color");
    chart.setOption({
      animation: false,
      textStyle: { color: text, fontFamily: colour("--bs-body-font-family") },
      grid: { left: 4, right: 8, top: 36, bottom: 4, containLabel: true },
      legend: { top: 0, left: 0, textStyle: { color: text } },
      tooltip: { trigger: "axis", valueFormatter: (value) => percent(value, 1), axisPointer: { type: "shadow" }, backgroundColor: colour("--bs-body-bg"), borderColor: faint, textStyle: { color: text }, confine: true },
      xAxis: { type: "category", data: data.bins, axisLine: { lineStyle: { color: faint } }, axisLabel: { color: text, hideOverlap: true, rotate: data.bins.length > 4 ? 35 : 0 }, axisTick: { show: false } },
      yAxis: { type: "value", axisLabel: { color: text, formatter: (value) => percent(value) }, splitLine: { lineStyle: { color: faint } } },
      series: [
        { name: _("Training's year"), type: "bar", data: data.before, itemStyle: { color: "transparent", borderColor: text, borderWidth: 1.5 } },
        { name: _("Since"), type: "bar", data: data.after, itemStyle: { color: colour("--plan") } },
      ],
    }, true);
  });

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("theme", () => { if (document.readyState !== "loading") draw(); });
  window.addEventListener("resize", () => places().forEach((place) => echarts.getInstanceByDom(place)?.resize()));
})();
