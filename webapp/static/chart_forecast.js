// Draws every .chart from the JSON beside it: what was sold and its forecast, what a forecast is made of, or errors by lead.
(() => {
  "use strict";
  const { colour, inPercent, band, box, intervalWords, chartOf, follow } = charts;
  const { number, percent, day } = inLocale;
  const known = (value) => value !== null && value !== undefined;

  // Palette: Okabe and Ito; the last one for what is unusual.
  const palette = ["#8c8c8c", "#0072b2", "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442"];
  const markShapes = ["triangle", "diamond", "rect", "pin"];

  // Beside the pointer, on the side with more room, at the top: the lines that are read stay free.
  const beside = ([x], _params, _box, _rect, { contentSize: [width], viewSize: [whole] }) => (
    [x > whole / 2 ? x - width - 24 : x + 24, 8]);

  const common = () => {
    const { base, ...shades } = charts.common();
    return {
      ...shades,
      base: {
        ...base,
        legend: { show: false },  // its buttons stand above the chart and wrap
        tooltip: { ...base.tooltip, position: beside },
        xAxis: { ...base.xAxis, axisLabel: { ...base.xAxis.axisLabel, formatter: day } },
      },
    };
  };

  const between = (name, lower, upper, shade) => band(name, lower, upper.map((value, place) => (known(value) ? value - lower[place] : null)), shade, 0.22);

  // Lines are drawn with as many points as there are pixels, which keeps peaks; a lone point between gaps is a dot.
  const line = (name, data, shade, style = {}) => ({
    name, type: "line", data, symbol: "circle", symbolSize: 4, showSymbol: false, showAllSymbol: false, sampling: "lttb",
    lineStyle: { color: shade, width: 1.5, ...style }, itemStyle: { color: shade },
  });

  const tooltip = (data, unit) => (points) => {
    const place = points[0].dataIndex;
    const lines = [], row = (words) => lines.push(words);
    const value = (words, values, lower, upper) => {
      if (!values || !known(values[place])) return;
      row(`${words}: ${number(values[place])}${lower ? intervalWords(lower[place], upper[place]) : ""} ${unit}`);
    };
    const out = data.out_of_stock.find(([at]) => at === place);
    if (out) row(data.is_sum ? _("Some out of stock: demand at least %(units)s", { units: `${number(out[1])} ${unit}` }) : _("Out of stock: demand at least %(units)s", { units: `${number(out[1])} ${unit}` })); else value(_("Sold"), data.demand);
    value(_("Carried over"), data.carried);
    data.adjusted.filter(([at]) => at === place).forEach(([, units]) => row(_("Adjusted to: %(units)s", { units: `${number(units)} ${unit}` })));
    if (data.outliers.includes(place)) row(_("Unusual"));
    if (data.backtested && known(data.backtest[place])) row(_("Backtest: %(units)s by the models, %(sold)s as sold by those without one", { units: number(data.backtest[place] - data.as_sold[place]), sold: number(data.as_sold[place]) }));
    else value(_("Backtest"), data.backtest);
    value(data.scenario ? _("Plan") : _("Forecast"), data.plan, data.lower, data.upper);
    value(_("Model"), data.model);
    if (data.overridden?.includes(place)) row(_("Overridden"));
    value(_("Scenario"), data.scenario, data.scenario_lower, data.scenario_upper);
    value(_("Last year"), data.last_year);
    const marks = data.marks.filter((mark) => mark.at.includes(place)).map((mark) => mark.name);
    if (marks.length) row(marks.join(", "));
    return box(data.dates[place], lines);
  };

  // The period that today lies in: the last that begins no later, where another follows or a forecast covers it.
  const DAYS = { D: 1, W: 7, M: 31, Q: 92 };
  const frequency = document.documentElement.dataset.frequency;
  const todayLine = (data, text) => {
    const now = new Date(), two = (value) => String(value).padStart(2, "0");
    const today = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
    const at = data.dates.filter((date) => date <= today).length - 1;
    if (at < 0 || (Date.parse(today) - Date.parse(data.dates[at])) / 864e5 >= DAYS[frequency]) return undefined;
    return { silent: true, symbol: "none", data: [{ xAxis: at }], lineStyle: { color: text, type: "solid", width: 1, opacity: 0.6 }, label: { formatter: _("Today"), color: text } };
  };

  // Saturdays and Sundays of daily data, as far as single days can be told apart.
  const MOST_SINGLE = 200;
  const weekends = (data, first, last) => {
    if (frequency !== "D" || last - first > MOST_SINGLE) return [];
    return data.dates.flatMap((date, at) => {
      const day = new Date(`${date}T00:00:00Z`).getUTCDay();
      return at >= first && at <= last && (day === 6 || (day === 0 && at === first)) ? [[{ xAxis: at }, { xAxis: Math.min(at + (day === 6 ? 1 : 0), last) }]] : [];
    });
  };
  // What depends on how much is seen: shaded weekends, and dates as short as they can be.
  const short = inLocale.dates({ day: "numeric", month: "short" }), month = inLocale.dates({ month: "short", year: "numeric" });
  const labelled = (first, last) => (frequency === "Q" || frequency === "M" ? day : last - first > (frequency === "D" ? MOST_SINGLE : 60) ? month : short);
  const asSeen = (place, chart, data) => {
    const { startValue: first, endValue: last } = chart.getOption().dataZoom[0];
    const shaded = weekends(data, first, last);
    chart.setOption({
      xAxis: { axisLabel: { formatter: labelled(first, last) } },
      series: [{ id: "weekends", markArea: { data: shaded } }],
    });
    legend(place, chart, drawn.get(chart).filter((each) => (
      each.id === "weekends" ? shaded.length : each.type !== "scatter" || each.data.some(([at]) => at >= first && at <= last))));
    document.querySelectorAll("[data-range]").forEach((button) => {
      button.setAttribute("aria-pressed", String(last === data.dates.length - 1 && first === rangeStart(data, button.dataset.range)));
    });
  };
  // Where the chart begins that shows so many periods of the past and all that is forecast.
  const rangeStart = (data, range) => (range === "all" ? 0 : Math.max(0, data.plan.findIndex(known) - Number(range)));
  const firstRange = () => document.querySelector("[data-range]")?.dataset.range ?? "all";

  const forecast = (data, unit) => {
    const { text, faint, base } = common();
    const coverage = percent(data.coverage), plan = data.scenario ? _("Plan") : _("Forecast");
    const last = data.dates.length - 1;
    const dots = (name, points, symbol, size, shade, hollow) => ({
      name, type: "scatter", data: points, symbol, symbolSize: size, z: 5,
      itemStyle: hollow ? { color: "transparent", borderColor: shade, borderWidth: 2 } : { color: shade },
    });
    const above = { z: 4 };  // whatever follows in the legend, which has them in this order
    const series = [  // the slider under the chart shows the first of them
      ...(data.demand.some(known) ? [line(_("Sold"), data.demand, text)] : []),
      { ...line(plan, data.plan, colour("--plan"), { width: 2.5 }), ...above },
      ...between(_("%(coverage)s interval", { coverage }), data.lower, data.upper, colour("--plan")),
    ];
    if (data.scenario) {
      series.push({ ...line(_("Scenario"), data.scenario, colour("--scenario"), { width: 2.5, type: "dashed" }), ...above });
      series.push(...between(_("Scenario's %(coverage)s interval", { coverage }), data.scenario_lower, data.scenario_upper, colour("--scenario")));
    }
    if (data.model) {
      series.push({ ...line(_("Model"), data.model, colour("--plan"), { width: 1.5, type: "dotted" }), ...above });
      series.push(dots(_("Overridden"), data.overridden.map((place) => [place, data.plan[place]]), "diamond", 10, palette[6], false));
    }
    if (data.last_year.some(known)) series.push(line(_("Last year"), data.last_year, palette[0], { type: "dotted", width: 2 }));
    if (data.backtest) {
      const [tested, of] = data.backtested ?? [];
      series.push(line(tested ? _("Backtest (%(tested)s of %(all)s)", { tested: number(tested), all: number(of) }) : _("Backtest"), data.backtest, palette[4], { type: [8, 3, 2, 3] }));
    }
    if (data.carried) series.push(line(_("Carried over"), data.carried, palette[0], { type: [6, 4] }));
    if (data.outliers.length) series.push(dots(_("Unusual"), data.outliers.map((place) => [place, data.demand[place]]), "circle", 11, palette[6], true));
    if (data.out_of_stock.length) series.push(dots(data.is_sum ? _("Some out of stock") : _("Out of stock"), data.out_of_stock, "emptyTriangle", 8, palette[5], false));
    if (data.adjusted.length) series.push(dots(_("Adjusted"), data.adjusted, "diamond", 11, palette[5], false));
    data.marks.forEach((mark, row) => series.push({
      ...dots(mark.name, mark.at.map((place) => [place, 0]), markShapes[row % markShapes.length], 7, palette[[3, 2, 5, 7][row % 4]], false),
      symbolOffset: [0, -4 - 9 * row], tooltip: { show: false }, silent: true,
    }));
    series.push({ id: "weekends", name: _("Weekend"), type: "line", data: [], silent: true, tooltip: { show: false }, itemStyle: { color: text }, markArea: { silent: true, itemStyle: { color: text, opacity: 0.06 }, data: [] } });
    series.push({ name: "", type: "line", data: [], silent: true, tooltip: { show: false }, markLine: todayLine(data, text) });
    return {
      ...base,
      grid: { left: 8, right: innerWidth < 600 ? 16 : 40, top: 22, bottom: 56, containLabel: true },
      tooltip: { ...base.tooltip, formatter: tooltip(data, unit) },
      xAxis: { ...base.xAxis, data: data.dates, boundaryGap: false },
      yAxis: { ...base.yAxis, min: 0, name: unit, nameGap: 8, nameTextStyle: { color: text, align: "left" } },
      dataZoom: [
        { type: "inside", startValue: rangeStart(data, firstRange()), endValue: last, zoomOnMouseWheel: "ctrl" },
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
      grid: { left: 8, right: 12, top: 12, bottom: 8, containLabel: true },
      tooltip: { ...base.tooltip, axisPointer: { type: "shadow" }, valueFormatter: (value) => `${number(value)} ${unit}` },
      xAxis: { ...base.xAxis, data: data.dates },
      series: [
        ...data.groups.map((group) => ({ name: group.name, type: "bar", stack: "all", data: group.units, itemStyle: { color: palette[group.colour % palette.length], borderColor: colour("--bs-body-bg"), borderWidth: 0.5 } })),
        { name: _("Sum"), type: "line", data: data.total, symbol: "none", lineStyle: { color: text, width: 2 }, itemStyle: { color: text } },
      ],
    };
  };

  const accuracy = (data, _unit, place) => {
    const { text, base } = common();
    return {
      ...base,
      grid: { left: 8, right: 16, top: 12, bottom: 24, containLabel: true },
      tooltip: { ...base.tooltip, valueFormatter: (value) => percent(value, 1) },
      xAxis: { ...base.xAxis, axisLabel: { color: text, hideOverlap: true }, data: data.leads, name: { day: _("days ahead"), week: _("weeks ahead"), month: _("months ahead"), quarter: _("quarters ahead") }[place.dataset.period], nameLocation: "middle", nameGap: 26, nameTextStyle: { color: text } },
      yAxis: { ...inPercent(base), min: 0 },
      series: [
        line(_("As shown"), data.seen, colour("--plan"), { width: 2.5 }),
        line(_("Seasonal naive"), data.naive, palette[0], { type: "dotted", width: 2 }),
        line(_("Backtest"), data.backtest, palette[4], { type: [8, 3, 2, 3] }),
      ].filter((each) => each.data.some(known)).map((each) => ({ ...each, showSymbol: each.data.filter(known).length < 8 })),
    };
  };

  const kinds = { contributions, accuracy };

  // What a reader zoomed to stays when the result is swapped for a newer one, and stands in the address, so that Back, a
  // reload and a sent link show the same: how many periods of the past, "all", or the first and the last date.
  let zoomed = new URLSearchParams(location.search).get("range"), noting = 0;
  const remember = (chart, data) => chart.on("datazoom", () => {
    const { startValue, endValue } = chart.getOption().dataZoom[0];
    const presets = [...document.querySelectorAll("[data-range]")].map((button) => button.dataset.range);
    zoomed = presets.find((range) => endValue === data.dates.length - 1 && startValue === rangeStart(data, range)) ?? `${data.dates[startValue]}..${data.dates[endValue]}`;
    clearTimeout(noting);
    noting = setTimeout(noteRange, 200);  // not at each step of a wheel
  });
  const noteRange = () => {
    const address = new URL(location.href);
    if (zoomed && zoomed !== firstRange()) address.searchParams.set("range", zoomed); else address.searchParams.delete("range");
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  };
  document.addEventListener("htmx:pushedIntoHistory", () => { if (zoomed) noteRange(); });
  const dataOf = (place) => JSON.parse(place.parentElement.querySelector(".chart-data").textContent);

  // The legend is made of buttons, which wrap and work by keyboard; what was taken off the chart stays off when it is drawn again.
  const off = new Set(), drawn = new WeakMap();  // chart -> its series
  const swatch = (each) => {
    const sign = document.createElement("span"), isDot = each.type === "scatter", isArea = Boolean(each.areaStyle || each.markArea);
    const shade = each.itemStyle.color === "transparent" ? each.itemStyle.borderColor : each.itemStyle.color;
    sign.className = `swatch ${isDot ? `swatch-dot swatch-${each.symbol}` : isArea ? `swatch-area${each.markArea ? " swatch-stripe" : ""}` : each.type === "bar" ? "swatch-bar" : "swatch-line"}`;
    sign.style.setProperty("--shade", shade);
    const type = each.lineStyle?.type;
    if (type) sign.style.borderTopStyle = type === "dotted" ? "dotted" : "dashed";
    return sign;
  };
  const legend = (place, chart, series) => {
    const box = place.parentElement.querySelector(".chart-legend");
    if (!box) return;
    const names = [...new Map(series.filter((each) => each.name).map((each) => [each.name, each]))];
    const has = JSON.stringify([document.documentElement.dataset.bsTheme, names.map(([name]) => name)]);
    if (box.dataset.has === has) return;  // at each step of a wheel
    box.dataset.has = has;
    const had = box.contains(document.activeElement) ? document.activeElement.textContent : null;
    box.replaceChildren(...names.map(([name, each]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "legend-entry" });
      button.append(swatch(each), name);
      button.setAttribute("aria-pressed", String(!off.has(name)));
      button.addEventListener("click", () => {
        if (!off.delete(name)) off.add(name);
        button.setAttribute("aria-pressed", String(!off.has(name)));
        chart.dispatchAction({ type: off.has(name) ? "legendUnSelect" : "legendSelect", name });
      });
      return button;
    }));
    if (had) [...box.children].find((button) => button.textContent === had)?.focus();
  };
  const zoomAgain = (option, data) => {
    const [first, last] = (zoomed ?? "").split("..").map((date) => data.dates.indexOf(date));
    if (/^(all|\d{1,4})$/.test(zoomed)) option.dataZoom[0].startValue = rangeStart(data, zoomed);
    else if (first >= 0 && last > first) Object.assign(option.dataZoom[0], { startValue: first, endValue: last });
    return option;
  };

  const draw = () => document.querySelectorAll(".chart").forEach((place) => {
    const data = dataOf(place), isNew = !echarts.getInstanceByDom(place), chart = chartOf(place);
    const kind = kinds[place.dataset.kind];
    const option = kind ? kind(data, place.dataset.unit, place) : zoomAgain(forecast(data, place.dataset.unit), data);
    option.legend.selected = Object.fromEntries([...off].map((name) => [name, false]));
    chart.setOption(option, true);
    drawn.set(chart, option.series);
    if (kind) legend(place, chart, option.series);
    else {
      asSeen(place, chart, data);
      if (isNew) { remember(chart, data); chart.on("datazoom", () => asSeen(place, chart, dataOf(place))); }
    }
    place.dataset.drawn = "yes";
  });
  const resize = follow(".chart", draw);
  const mainChart = () => [...document.querySelectorAll(".chart:not([data-kind])")].map((place) => [place, echarts.getInstanceByDom(place)]).find(([, chart]) => chart);

  document.addEventListener("click", (event) => {
    const range = event.target.closest("[data-range]"), fill = event.target.closest("[data-fill]");
    if (range) {
      const [place, chart] = mainChart(), data = dataOf(place);
      chart.dispatchAction({ type: "dataZoom", startValue: rangeStart(data, range.dataset.range), endValue: data.dates.length - 1 });
    }
    if (fill) { if (document.fullscreenElement) document.exitFullscreen(); else fill.closest(".can-fill").requestFullscreen(); }
  });
  document.addEventListener("fullscreenchange", () => {
    document.querySelectorAll("[data-fill]").forEach((button) => {
      button.setAttribute("aria-pressed", String(Boolean(document.fullscreenElement)));
      button.textContent = document.fullscreenElement ? _("Exit full screen") : _("Full screen");
    });
    resize();
  });
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-fill]").forEach((button) => { button.hidden = !document.fullscreenEnabled; }));
  document.addEventListener("panel", resize);  // what is hidden has no width
  document.addEventListener("chart-data", draw);  // the grid changed what a chart draws
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target?.id === "result" || document.querySelector(".chart:not([data-drawn])")) draw(); });
  document.addEventListener("toggle", (event) => { if (event.target.open) resize(); }, true);
  window.matchMedia("print").addEventListener("change", resize);
})();
