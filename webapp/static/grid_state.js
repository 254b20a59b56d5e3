// What the grid holds, for all of its scripts: what the server said, what is typed and not saved, and what is selected.
const gridState = (() => {
  "use strict";
  const { frequency } = document.documentElement.dataset;
  const known = (value) => value !== null && value !== undefined;
  const byId = (id) => document.getElementById(id);
  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const plural = (count, word) => _n(`%(num)s ${word}`, `%(num)s ${word}s`, count);
  const manyPeriods = () => ({ day: _("days"), week: _("weeks"), month: _("months"), quarter: _("quarters") }[state.data.period]);

  const state = {
    // What the server said, and the chart beside it.
    data: undefined, chart: undefined, shownLead: "",
    // What is shown of it: columns of periods or sums, of which some are opened, and the cells by row.
    bucket: frequency, columns: undefined, opened: new Set(), cells: undefined,
    // What is selected, and the field of the cell that is typed into.
    active: null, anchor: null, picked: [], editor: null, isTouched: false,
    // Changes that can be undone and done again, and what is said of them.
    past: [], future: [], message: "", unsaved: "", isSaving: false,
  };

  return {
    state, known, byId, make, plural, manyPeriods,
    // What was typed and is not saved; it stays when its part of the page is drawn again.
    typed: new Map(),      // date -> {way, amount, comment, seen}
    wrong: new Map(),      // key of a column -> {text, why}
    drivers: new Map(),    // "name|date" -> value of a what-if
    conflicts: new Map(),  // date -> what somebody else saved meanwhile
  };
})();
