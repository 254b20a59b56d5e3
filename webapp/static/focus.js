// Who works by keyboard goes on where they were when a page is loaded anew: after a form was sent, at the first field that
// is wrong, at what the answer says, or at the page's title; after a page that looked for news by itself, where they were.
(() => {
  "use strict";
  const KEPT = "focus:kept", LONGEST = 60000;  // milliseconds; a download leaves the page as it is
  const keep = (what) => sessionStorage.setItem(KEPT, JSON.stringify({ ...what, at: Date.now() }));
  const known = (element, names) => names.filter((name) => element?.hasAttribute(name))
    .map((name) => `[${name}=${CSS.escape(element.getAttribute(name))}]`).join("");
  const selectorOf = (element) => {
    const own = known(element, ["id", "name", "value", "href"]), form = known(element.closest("form"), ["action"]);
    return own || form ? `${form && `form${form} `}${element.localName}${own}` : "main h1";
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "post" && !form.hasAttribute("hx-post") && !event.defaultPrevented && form.closest("main")) keep({ sent: true });
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const focused = document.activeElement;
    if (event.detail.xhr.getResponseHeader("HX-Redirect") && focused !== document.body) keep({ path: location.pathname, selector: selectorOf(focused) });
  });

  const go = (to, stays = false) => {
    if (to?.matches(".alert, h1")) to.tabIndex = -1;
    to?.focus({ preventScroll: stays });
  };
  const start = () => {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null"), main = document.getElementById("content");
    sessionStorage.removeItem(KEPT);
    const wrong = main.querySelector("[aria-invalid=true]");
    if (!kept || Date.now() - kept.at > LONGEST || document.activeElement !== document.body) return;
    if (kept.selector) {
      if (kept.path === location.pathname) go(document.querySelector(kept.selector) || main.querySelector("h1"), true);
      return;
    }
    if (wrong) wrong.focus();
    else if (!location.hash) go(main.querySelector(".alert[role=alert]") || main.querySelector(".alert[role=status]") || main.querySelector("h1"));
  };
  // A page that answers a form cannot be asked for by Back; so the place that it has in the history becomes the page that the
  // form stood on, as soon as it is left by a form or a link. A reload of it still sends the form again.
  const leave = (element, to) => {
    if (document.documentElement.dataset.posted === undefined) return;
    element.setAttribute(to, new URL(element.getAttribute(to) || "", location.href).href);  // it means this page, not that one
    const from = document.referrer.startsWith(`${location.origin}/`) ? document.referrer : location.href;
    history.replaceState(history.state, "", from);
    delete document.documentElement.dataset.posted;
  };
  document.addEventListener("submit", (event) => { if (!event.defaultPrevented && !event.target.hasAttribute("hx-post")) leave(event.target, "action"); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]"), opens = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (link && !opens && !link.target && !link.getAttribute("href").startsWith("#") && !link.hasAttribute("hx-get")) leave(link, "href");
  });

  // After what other scripts do with the focus of the page.
  window.addEventListener("DOMContentLoaded", () => setTimeout(start));
})();
