// Draws plan and scenario with their 80 % bands and what happened since; or up to five scenarios beside the plan.
(() => {
  "use strict";
  const { colour, common, bandOf, boxOf, chartOf, follow } = charts;
  const { percent, day } = inLocale;
  const LINES = ["dashed", "dotted", [12, 4], [8, 3, 2, 3], [2, 7]];

  const line = (name, rows, shade, type, width = 2.5) => ({ name, type: "line", data: rows.map(([date, value]) => [date, value]), symbol: rows.length > 1 ? "none" : "circle", lineStyle: { color: shade, width, type }, itemStyle: { color: shade } });

  const drawn = (data) => {
    if (data.scenarios) return [
      ...(data.plan.length ? [line(_("Plan"), data.plan, colour("--plan"), "solid")] : []),
      ...data.scenarios.map((each, place) => line(each.name, each.points, colour(`--scenario-${place + 1}`), LINES[place])),
    ];
    return [
      ...bandOf(_("Plan's %(coverage)s interval", { coverage: percent(80) }), data.plan, colour("--plan"), 0.18),
      ...bandOf(_("Scenario's %(coverage)s interval", { coverage: percent(80) }), data.scenario, colour("--scenario"), 0.18),
      line(_("Plan"), data.plan, colour("--plan"), "solid"),
      line(_("Scenario"), data.scenario, colour("--scenario"), "dashed"),
      ...(data.actual.length ? [line(_("Actual"), data.actual, colour("--bs-body-color"), "solid", 1.5)] : []),
    ];
  };

  const told = (data) => (data.scenarios ? [[_("Plan"), data.plan], ...data.scenarios.map((each) => [each.name, each.points])]
    : [[_("Plan"), data.plan], [_("Scenario"), data.scenario], [_("Actual"), data.actual]]);

  const draw = () => document.querySelectorAll(".chart").forEach((place) => {
    const data = JSON.parse(place.parentElement.querySelector(".chart-data").textContent);
    const { text, base } = common(), series = drawn(data);
    chartOf(place).setOption({
      ...base,
      grid: { left: 8, right: 20, top: 40, bottom: 12, containLabel: true },
      legend: { type: "scroll", top: 4, left: 0, right: 0, textStyle: { color: text, lineHeight: 18 }, pageTextStyle: { color: text }, itemWidth: 30, itemHeight: 10, itemStyle: { opacity: 0 }, data: [...new Set(series.map((each) => each.name))].map((name) => (series.some((each) => each.name === name && each.areaStyle) ? { name, icon: "rect", itemStyle: { opacity: 0.3 } } : { name })) },
      tooltip: { ...base.tooltip, formatter: boxOf(told(data), place.dataset.unit) },
      xAxis: { ...base.xAxis, data: [...new Set(series.flatMap((each) => each.data.map(([date]) => date)))].sort(), boundaryGap: false, axisLabel: { ...base.xAxis.axisLabel, formatter: day } },
      yAxis: { ...base.yAxis, min: data.scenarios && !data.plan.length ? undefined : 0 },
      series,
    }, true);
    place.dataset.drawn = "yes";
  });

  follow(".chart", draw);
})();
