// How a sum that is typed into the grid is spread over its periods: as they are forecast, equally, or as last year was.
(() => {
  "use strict";
  const rules = {
    forecast: { told: _("in proportion to the forecast"), equally: _("equally, as nothing is forecast") },
    equal: { told: _("equally") },
    last_year: { told: _("in proportion to last year"), equally: _("equally, as nothing was sold last year") },
  };

  // The amount of each period, which add up to the total, and how in words; nothing where a weight is not known. Whole
  // hundredths where a period has one unit or more on average; what rounding leaves goes to the largest.
  const over = (by, total, weightsAsked) => {
    let weights = weightsAsked, how = rules[by].told;
    if (weights.some((weight) => weight === null || weight === undefined)) return null;
    if (!(weights.reduce((sum, each) => sum + each, 0) > 0)) { weights = weights.map(() => 1); how = rules[by].equally; }
    const whole = weights.reduce((sum, each) => sum + each, 0), step = total / weights.length >= 1 ? 100 : 1e6;
    const amounts = weights.map((each) => Math.floor((total * each / whole) * step) / step), largest = weights.indexOf(Math.max(...weights));
    amounts[largest] = Math.round((amounts[largest] + total - amounts.reduce((sum, each) => sum + each, 0)) * 1e9) / 1e9;
    return { amounts, how };
  };

  window.gridSpreading = { over };
})();
