// Words of scripts in the reader's language: _("%(count)s selected", {count: 3}), _n("%(num)s cell", "%(num)s cells", 3).
// What the catalogue has of them comes before, as window.catalogue; English has none.
const { _, _n } = (() => {
  "use strict";
  const ORDER = ["zero", "one", "two", "few", "many", "other"], { lang } = document.documentElement;
  const known = window.catalogue ?? {}, rules = new Intl.PluralRules(lang), kinds = rules.resolvedOptions().pluralCategories;
  const forms = ORDER.filter((each) => kinds.includes(each));
  const own = (message) => (Object.hasOwn(known, message) ? known[message] : undefined);
  const filled = (said, values) => (values ? said.replace(/%(?:%|\((\w+)\)s)/g, (all, name) => (name ? String(values[name]) : "%")) : said);
  return {
    _: (message, values) => filled(own(message) ?? message, values),
    _n: (one, more, count, values) => {
      const said = own(one), form = said && said[Math.min(forms.indexOf(rules.select(count)), said.length - 1)];
      return filled(form ?? (count === 1 ? one : more), { num: count.toLocaleString(document.documentElement.dataset.locale), ...values });
    },
  };
})();
