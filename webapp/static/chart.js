// Draws every .chart from the JSON beside it: history, plan, 80 % band, scenario; or what a forecast is made of.
(() => {
  "use strict";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (value) => value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 });

  // A band is an invisible line at its lower edge with its height stacked on top.
  const band = (name, rows, fill) => [
    { name, type: "line", stack: name, data: rows.map(([date, , lower]) => [date, lower]), lineStyle: { opacity: 0 }, symbol: "none", silent: true, itemStyle: { color: fill } },
    { name, type: "line", stack: name, data: rows.map(([date, , lower, upper]) => [date, upper - lower]), lineStyle: { opacity: 0 }, areaStyle: { color: fill, opacity: 0.22 }, itemStyle: { color: fill, opacity: 0.3 }, symbol: "none", silent: true },
  ];

  const tooltip = (chart, data, unit) => (points) => {
    const date = points[0].axisValueLabel || points[0].axisValue;
    const box = document.createElement("div");
    const line = (words, value) => {
      const row = box.appendChild(document.createElement("div"));
      row.textContent = `${words}: ${value} ${unit}`;
    };
    box.appendChild(document.createElement("strong")).textContent = date;
    const at = (rows) => rows.find((row) => row[0] === date);
    const known = at(data.history), plan = at(data.plan), scenario = at(data.scenario);
    if (known) line("Demand", number(known[1]));
    if (plan) line(data.scenario.length ? "Plan" : "Forecast", `${number(plan[1])} (${number(plan[2])} to ${number(plan[3])})`);
    if (scenario) line("Scenario", `${number(scenario[1])} (${number(scenario[2])} to ${number(scenario[3])})`);
    return box;
  };

  const options = (chart, data, unit) => {
    const text = colour("--bs-body-color"), faint = colour("--bs-border-color");
    const dates = [...new Set([...data.history, ...data.plan].map((row) => row[0]))];
    const shown = Math.max(data.plan.length * 5, 30);
    const plan = data.scenario.length ? "Plan" : "Forecast";
    const on = (rows) => rows.map(([date, value]) => [date, value]);
    return {
      animation: false,
      textStyle: { color: text, fontFamily: colour("--bs-body-font-family") },
      grid: { left: 8, right: 28, top: 40, bottom: 56, containLabel: true },
      legend: { type: "scroll", top: 4, left: 0, right: 0, textStyle: { color: text }, pageTextStyle: { color: text }, itemWidth: 28, itemHeight: 10, itemStyle: { opacity: 0 }, data: ["Demand", plan, ...(data.scenario.length ? ["Scenario"] : []), { name: "80 % interval", icon: "rect", itemStyle: { opacity: 0.3 } }] },
      tooltip: { trigger: "axis", formatter: tooltip(chart, data, unit), backgroundColor: colour("--bs-body-bg"), borderColor: faint, textStyle: { color: text }, confine: true },
      xAxis: { type: "category", data: dates, boundaryGap: false, axisLine: { lineStyle: { color: faint } }, axisLabel: { color: text, hideOverlap: true }, axisTick: { show: false } },
      yAxis: { type: "value", min: 0, axisLabel: { color: text }, splitLine: { lineStyle: { color: faint } } },
      dataZoom: [
        { type: "inside", startValue: Math.max(0, dates.length - shown), endValue: dates.length - 1, zoomOnMouseWheel: "ctrl" },
        { type: "slider", height: 22, bottom: 10, borderColor: faint, textStyle: { color: text }, brushSelect: false },
      ],
      series: [
        ...band("80 % interval", data.plan, colour("--plan")),
        ...(data.scenario.length ? band("Scenario's 80 % interval", data.scenario, colour("--scenario")) : []),
        { name: "Demand", type: "line", data: on(data.history), symbol: "none", lineStyle: { color: text, width: 1.5 }, itemStyle: { color: text } },
        { name: plan, type: "line", data: on(data.plan), symbol: "none", lineStyle: { color: colour("--plan"), width: 2.5 }, itemStyle: { color: colour("--plan") } },
        ...(data.scenario.length ? [{ name: "Scenario", type: "line", data: on(data.scenario), symbol: "none", lineStyle: { color: colour("--scenario"), width: 2.5, type: "dashed" }, itemStyle: { color: colour("--scenario") } }] : []),
      ],
    };
  };

  // Stacked bars for each group, those below zero downwards, and a line for what they add up to. Palette: Okabe and Ito.
  const palette = ["#8c8c8c", "#0072b2", "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442"];
  const contributions = (chart, data, unit) => {
    const text = colour("--bs-body-color"), faint = colour("--bs-border-color");
    return {
      animation: false,
      textStyle: { color: text, fontFamily: colour("--bs-body-font-family") },
      grid: { left: 8, right: 12, top: 44, bottom: 8, containLabel: true },
      legend: { type: "scroll", top: 4, left: 0, right: 0, textStyle: { color: text }, pageTextStyle: { color: text }, itemWidth: 16, itemHeight: 10 },
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: (value) => `${number(value)} ${unit}`, backgroundColor: colour("--bs-body-bg"), borderColor: faint, textStyle: { color: text }, confine: true },
      xAxis: { type: "category", data: data.dates, axisLine: { lineStyle: { color: faint } }, axisLabel: { color: text, hideOverlap: true }, axisTick: { show: false } },
      yAxis: { type: "value", axisLabel: { color: text }, splitLine: { lineStyle: { color: faint } } },
      series: [
        ...data.groups.map((group) => ({ name: group.name, type: "bar", stack: "all", data: group.units, itemStyle: { color: palette[group.colour % palette.length], borderColor: colour("--bs-body-bg"), borderWidth: 0.5 } })),
        { name: "Sum", type: "line", data: data.total, symbol: "none", lineStyle: { color: text, width: 2 }, itemStyle: { color: text } },
      ],
    };
  };

  const draw = () => document.querySelectorAll(".chart").forEach((place) => {
    const data = JSON.parse(place.parentElement.querySelector(".chart-data").textContent);
    const chart = echarts.getInstanceByDom(place) || echarts.init(place, null, { renderer: "canvas" });
    const drawn = place.dataset.kind === "contributions" ? contributions : options;
    chart.setOption(drawn(chart, data, place.dataset.unit), true);
    place.dataset.drawn = "yes";
  });

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("theme", () => { if (document.readyState !== "loading") draw(); });
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target.id === "result" || document.querySelector(".chart:not([data-drawn])")) draw(); });
  window.addEventListener("resize", () => document.querySelectorAll(".chart").forEach((place) => echarts.getInstanceByDom(place)?.resize()));
})();
