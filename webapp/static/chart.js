// Draws every .chart from the JSON beside it: demand and its forecast, what a forecast is made of, or errors by lead.
(() => {
  "use strict";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const { number, percent, day, period } = inLocale;
  const known = (value) => value !== null && value !== undefined;

  // Palette: Okabe and Ito; the last one for what is unusual.
  const palette = ["#8c8c8c", "#0072b2", "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442"];
  const markShapes = ["triangle", "diamond", "rect", "pin"];

  const common = () => {
    const text = colour("--bs-body-color"), faint = colour("--bs-border-color");
    return {
      text, faint,
      base: {
        animation: false,
        textStyle: { color: text, fontFamily: colour("--bs-body-font-family") },
        legend: { type: "scroll", top: 4, left: 0, right: 0, textStyle: { color: text }, pageTextStyle: { color: text }, pageIconColor: text, pageIconInactiveColor: faint, itemWidth: 26, itemHeight: 10 },
        tooltip: { trigger: "axis", backgroundColor: colour("--bs-body-bg"), borderColor: faint, textStyle: { color: text }, confine: true },
        xAxis: { type: "category", axisLine: { lineStyle: { color: faint } }, axisLabel: { color: text, hideOverlap: true, formatter: day }, axisTick: { show: false } },
        yAxis: { type: "value", axisLabel: { color: text, formatter: number }, splitLine: { lineStyle: { color: faint } } },
      },
    };
  };

  // A band is an invisible line at its lower edge with its height stacked on top.
  const band = (name, lower, upper, fill) => [
    { name, type: "line", stack: name, data: lower, lineStyle: { opacity: 0 }, symbol: "none", silent: true, itemStyle: { color: fill } },
    { name, type: "line", stack: name, data: upper.map((value, place) => known(value) ? value - lower[place] : null), lineStyle: { opacity: 0 }, areaStyle: { color: fill, opacity: 0.22 }, itemStyle: { color: fill, opacity: 0.3 }, symbol: "none", silent: true },
  ];

  // Lines are drawn with as many points as there are pixels, which keeps peaks; a lone point between gaps is a dot.
  const line = (name, data, shade, style = {}) => ({
    name, type: "line", data, symbol: "circle", symbolSize: 4, showSymbol: false, showAllSymbol: false, sampling: "lttb",
    lineStyle: { color: shade, width: 1.5, ...style }, itemStyle: { color: shade },
  });

  const tooltip = (data, unit) => (points) => {
    const place = points[0].dataIndex;
    const box = document.createElement("div");
    const row = (words) => { box.appendChild(document.createElement("div")).textContent = words; };
    box.appendChild(document.createElement("strong")).textContent = period(data.dates[place]);
    const value = (words, values, lower, upper) => {
      if (!values || !known(values[place])) return;
      row(`${words}: ${number(values[place])}${lower ? ` (${number(lower[place])} to ${number(upper[place])})` : ""} ${unit}`);
    };
    const out = data.out_of_stock.find(([at]) => at === place);
    if (out) row(`${data.is_sum ? "Some out of stock" : "Out of stock"}: demand at least ${number(out[1])} ${unit}`); else value("Demand", data.demand);
    value("Carried over", data.carried);
    data.adjusted.filter(([at]) => at === place).forEach(([, units]) => row(`Adjusted to: ${number(units)} ${unit}`));
    if (data.outliers.includes(place)) row("Unusual");
    value("Backtest", data.backtest);
    value(data.scenario ? "Plan" : "Forecast", data.plan, data.lower, data.upper);
    value("Model", data.model);
    if (data.overridden?.includes(place)) row("Overridden");
    value("Scenario", data.scenario, data.scenario_lower, data.scenario_upper);
    value("Last year", data.last_year);
    const marks = data.marks.filter((mark) => mark.at.includes(place)).map((mark) => mark.name);
    if (marks.length) row(marks.join(", "));
    return box;
  };

  const forecast = (data, unit) => {
    const { text, faint, base } = common();
    const interval = `${percent(data.coverage)} interval`, plan = data.scenario ? "Plan" : "Forecast";
    const ahead = data.plan.filter(known).length;
    const shown = Math.max(ahead * 5, 30), last = data.dates.length - 1;
    const dots = (name, points, symbol, size, shade, hollow) => ({
      name, type: "scatter", data: points, symbol, symbolSize: size, z: 5,
      itemStyle: hollow ? { color: "transparent", borderColor: shade, borderWidth: 2 } : { color: shade },
    });
    const series = [  // the slider under the chart shows the first of them
      ...(data.demand.some(known) ? [line("Demand", data.demand, text)] : []),
      ...band(interval, data.lower, data.upper, colour("--plan")),
      ...(data.scenario ? band(`Scenario's ${interval}`, data.scenario_lower, data.scenario_upper, colour("--scenario")) : []),
    ];
    if (data.carried) series.push(line("Carried over", data.carried, palette[0], { type: [6, 4] }));
    if (data.last_year.some(known)) series.push(line("Last year", data.last_year, palette[0], { type: "dotted", width: 2 }));
    if (data.backtest) series.push(line("Backtest", data.backtest, palette[4], { type: [8, 3, 2, 3] }));
    series.push(line(plan, data.plan, colour("--plan"), { width: 2.5 }));
    if (data.model) {
      series.push(line("Model", data.model, colour("--plan"), { width: 1.5, type: "dotted" }));
      series.push(dots("Overridden", data.overridden.map((place) => [place, data.plan[place]]), "diamond", 10, palette[6], false));
    }
    if (data.scenario) series.push(line("Scenario", data.scenario, colour("--scenario"), { width: 2.5, type: "dashed" }));
    if (data.outliers.length) series.push(dots("Unusual", data.outliers.map((place) => [place, data.demand[place]]), "circle", 11, palette[6], true));
    if (data.out_of_stock.length) series.push(dots(data.is_sum ? "Some out of stock" : "Out of stock", data.out_of_stock, "emptyTriangle", 8, palette[5], false));
    if (data.adjusted.length) series.push(dots("Adjusted", data.adjusted, "diamond", 11, palette[5], false));
    data.marks.forEach((mark, row) => series.push({
      ...dots(mark.name, mark.at.map((place) => [place, 0]), markShapes[row % markShapes.length], 7, palette[[3, 2, 5, 7][row % 4]], false),
      symbolOffset: [0, -4 - 9 * row], tooltip: { show: false }, silent: true,
    }));
    const names = series.map((each) => each.name).filter((name, place, all) => all.indexOf(name) === place && !name.startsWith("Scenario's"));
    return {
      ...base,
      grid: { left: 8, right: 40, top: 40, bottom: 56, containLabel: true },
      legend: { ...base.legend, data: [...names.filter((name) => name !== interval), { name: interval, icon: "rect", itemStyle: { opacity: 0.3 } }] },
      tooltip: { ...base.tooltip, formatter: tooltip(data, unit) },
      xAxis: { ...base.xAxis, data: data.dates, boundaryGap: false },
      yAxis: { ...base.yAxis, min: 0 },
      dataZoom: [
        { type: "inside", startValue: Math.max(0, last + 1 - shown), endValue: last, zoomOnMouseWheel: "ctrl" },
        { type: "slider", height: 22, bottom: 10, borderColor: faint, textStyle: { color: text }, brushSelect: false, labelFormatter: (_place, date) => day(date) },
      ],
      series,
    };
  };

  // Stacked bars for each group, those below zero downwards, and a line for what they add up to.
  const contributions = (data, unit) => {
    const { text, base } = common();
    return {
      ...base,
      grid: { left: 8, right: 12, top: 44, bottom: 8, containLabel: true },
      legend: { ...base.legend, itemWidth: 16 },
      tooltip: { ...base.tooltip, axisPointer: { type: "shadow" }, valueFormatter: (value) => `${number(value)} ${unit}` },
      xAxis: { ...base.xAxis, data: data.dates },
      series: [
        ...data.groups.map((group) => ({ name: group.name, type: "bar", stack: "all", data: group.units, itemStyle: { color: palette[group.colour % palette.length], borderColor: colour("--bs-body-bg"), borderWidth: 0.5 } })),
        { name: "Sum", type: "line", data: data.total, symbol: "none", lineStyle: { color: text, width: 2 }, itemStyle: { color: text } },
      ],
    };
  };

  const accuracy = (data, _unit, place) => {
    const { text, base } = common();
    return {
      ...base,
      grid: { left: 8, right: 16, top: 36, bottom: 24, containLabel: true },
      tooltip: { ...base.tooltip, valueFormatter: (value) => percent(value, 1) },
      xAxis: { ...base.xAxis, axisLabel: { color: text, hideOverlap: true }, data: data.leads, name: `${place.dataset.period}s ahead`, nameLocation: "middle", nameGap: 26, nameTextStyle: { color: text } },
      yAxis: { ...base.yAxis, min: 0, axisLabel: { color: text, formatter: (value) => percent(value) } },
      series: [
        line("As shown", data.seen, colour("--plan"), { width: 2.5 }),
        line("Seasonal naive", data.naive, palette[0], { type: "dotted", width: 2 }),
        line("Backtest", data.backtest, palette[4], { type: [8, 3, 2, 3] }),
      ].filter((each) => each.data.some(known)).map((each) => ({ ...each, showSymbol: each.data.filter(known).length < 8 })),
    };
  };

  const kinds = { contributions, accuracy };

  // What a reader zoomed to stays when the result is swapped for a newer one, as dates.
  let zoomed = null;
  const remember = (chart, dates) => chart.on("datazoom", () => {
    const { startValue, endValue } = chart.getOption().dataZoom[0];
    zoomed = { first: dates[startValue], last: dates[endValue] };
  });
  const zoomAgain = (option) => {
    const dates = option.xAxis.data, start = zoomed ? dates.indexOf(zoomed.first) : -1, end = zoomed ? dates.indexOf(zoomed.last) : -1;
    if (start >= 0 && end > start) Object.assign(option.dataZoom[0], { startValue: start, endValue: end });
    return option;
  };

  const draw = () => document.querySelectorAll(".chart").forEach((place) => {
    const data = JSON.parse(place.parentElement.querySelector(".chart-data").textContent);
    const isNew = !echarts.getInstanceByDom(place);
    const chart = isNew ? echarts.init(place, null, { renderer: "canvas" }) : echarts.getInstanceByDom(place);
    const kind = kinds[place.dataset.kind];
    const option = kind ? kind(data, place.dataset.unit, place) : zoomAgain(forecast(data, place.dataset.unit));
    chart.setOption(option, true);
    if (isNew && !kind) remember(chart, data.dates);
    place.dataset.drawn = "yes";
  });
  const resize = () => document.querySelectorAll(".chart").forEach((place) => echarts.getInstanceByDom(place)?.resize());

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("chart-data", draw);  // the grid changed what a chart draws
  document.addEventListener("theme", () => { if (document.readyState !== "loading") draw(); });
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target?.id === "result" || document.querySelector(".chart:not([data-drawn])")) draw(); });
  document.addEventListener("toggle", (event) => { if (event.target.open) resize(); }, true);
  window.addEventListener("resize", resize);
  window.matchMedia("print").addEventListener("change", resize);
})();
