// Draws plan and scenario with their 80 % bands and what happened since; or up to five scenarios beside the plan.
(() => {
  "use strict";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const { number, percent, day, period } = inLocale;
  const LINES = ["dashed", "dotted", [12, 4], [8, 3, 2, 3], [2, 7]];

  const line = (name, rows, shade, type, width = 2.5) => ({ name, type: "line", data: rows.map(([date, value]) => [date, value]), symbol: rows.length > 1 ? "none" : "circle", lineStyle: { color: shade, width, type }, itemStyle: { color: shade } });
  // A band is an invisible line at its lower edge with its height stacked on top.
  const band = (name, rows, shade) => [
    { name, type: "line", stack: name, data: rows.map(([date, , lower]) => [date, lower]), lineStyle: { opacity: 0 }, symbol: "none", silent: true, itemStyle: { color: shade } },
    { name, type: "line", stack: name, data: rows.map(([date, , lower, upper]) => [date, upper - lower]), lineStyle: { opacity: 0 }, areaStyle: { color: shade, opacity: 0.18 }, itemStyle: { color: shade, opacity: 0.3 }, symbol: "none", silent: true },
  ];

  const drawn = (data) => {
    if (data.scenarios) return [
      ...(data.plan.length ? [line(_("Plan"), data.plan, colour("--plan"), "solid")] : []),
      ...data.scenarios.map((each, place) => line(each.name, each.points, colour(`--scenario-${place + 1}`), LINES[place])),
    ];
    return [
      ...band(_("Plan's %(coverage)s interval", { coverage: percent(80) }), data.plan, colour("--plan")),
      ...band(_("Scenario's %(coverage)s interval", { coverage: percent(80) }), data.scenario, colour("--scenario")),
      line(_("Plan"), data.plan, colour("--plan"), "solid"),
      line(_("Scenario"), data.scenario, colour("--scenario"), "dashed"),
      ...(data.actual.length ? [line(_("Actual"), data.actual, colour("--bs-body-color"), "solid", 1.5)] : []),
    ];
  };

  const tooltip = (data, unit) => (points) => {
    const date = points[0].axisValue, box = document.createElement("div");
    box.appendChild(document.createElement("strong")).textContent = period(date);
    const told = data.scenarios ? [[_("Plan"), data.plan], ...data.scenarios.map((each) => [each.name, each.points])]
      : [[_("Plan"), data.plan], [_("Scenario"), data.scenario], [_("Actual"), data.actual]];
    told.forEach(([words, rows]) => {
      const row = rows.find((each) => each[0] === date);
      if (!row) return;
      const range = row.length > 2 ? ` (${_("%(least)s to %(most)s", { least: number(row[2]), most: number(row[3]) })})` : "";
      box.appendChild(document.createElement("div")).textContent = `${words}: ${number(row[1])}${range} ${unit}`;
    });
    return box;
  };

  const draw = () => document.querySelectorAll(".chart").forEach((place) => {
    const data = JSON.parse(place.parentElement.querySelector(".chart-data").textContent);
    const text = colour("--bs-body-color"), faint = colour("--bs-border-color"), series = drawn(data);
    const chart = echarts.getInstanceByDom(place) || echarts.init(place, null, { renderer: "canvas" });
    chart.setOption({
      animation: false,
      textStyle: { color: text, fontFamily: colour("--bs-body-font-family") },
      grid: { left: 8, right: 20, top: 40, bottom: 12, containLabel: true },
      legend: { type: "scroll", top: 4, left: 0, right: 0, textStyle: { color: text, lineHeight: 18 }, pageTextStyle: { color: text }, itemWidth: 30, itemHeight: 10, itemStyle: { opacity: 0 }, data: [...new Set(series.map((each) => each.name))].map((name) => (series.some((each) => each.name === name && each.areaStyle) ? { name, icon: "rect", itemStyle: { opacity: 0.3 } } : { name })) },
      tooltip: { trigger: "axis", formatter: tooltip(data, place.dataset.unit), backgroundColor: colour("--bs-body-bg"), borderColor: faint, textStyle: { color: text }, confine: true },
      xAxis: { type: "category", data: [...new Set(series.flatMap((each) => each.data.map(([date]) => date)))].sort(), boundaryGap: false, axisLine: { lineStyle: { color: faint } }, axisLabel: { color: text, hideOverlap: true, formatter: day }, axisTick: { show: false } },
      yAxis: { type: "value", min: data.scenarios && !data.plan.length ? undefined : 0, axisLabel: { color: text, formatter: number }, splitLine: { lineStyle: { color: faint } } },
      series,
    }, true);
    place.dataset.drawn = "yes";
  });

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("theme", () => { if (document.readyState !== "loading") draw(); });
  window.addEventListener("resize", () => document.querySelectorAll(".chart").forEach((place) => echarts.getInstanceByDom(place)?.resize()));
})();
