// The tabs of a page whose sections follow one another without scripts: one panel is seen, the address says which.
// Arrow keys, Home and End go from tab to tab (the tabs pattern of the ARIA authoring practices).
(() => {
  "use strict";
  const bar = () => document.getElementById("tabs");
  const tabs = () => [...(bar()?.querySelectorAll("[data-tab]") ?? [])];
  const panel = (name) => document.getElementById(`panel-${name}`);
  let current = null, isChosen = false;

  // What is only worked out where somebody asks for it: its tab is asking, also where the address names it.
  const askWhy = () => {
    const link = document.querySelector("#why [hx-get]");
    if (link) htmx.ajax("GET", link.getAttribute("hx-get"), { target: "#why", swap: "outerHTML" });
  };

  // Only the shown tab is a stop of the Tab key. A panel that is shown for the first time can have asked for more.
  const show = (name) => {
    current = name;
    tabs().forEach((tab) => {
      const isCurrent = tab.dataset.tab === name, part = panel(tab.dataset.tab);
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", part.id);
      tab.setAttribute("aria-selected", String(isCurrent));
      tab.tabIndex = isCurrent ? 0 : -1;
      tab.classList.toggle("is-current", isCurrent);
      part.setAttribute("role", "tabpanel");
      part.setAttribute("aria-labelledby", tab.id);
      part.classList.toggle("is-current", isCurrent);
    });
    document.dispatchEvent(new Event("panel"));
    if (name === "why") askWhy();
    if (name === "accuracy") panel(name).querySelector("details")?.setAttribute("open", "");
  };

  // The address follows without an entry of its own: Back leaves the page, and coming back finds the tab.
  const note = () => {
    const url = new URL(location.href);
    if (!isChosen || url.searchParams.get("tab") === current) return;
    url.searchParams.set("tab", current);
    url.hash = "";
    history.replaceState(history.state, "", url);
  };
  const choose = (name) => {
    show(name);
    isChosen = true;
    note();
  };

  // What an address or a link names by its #anchor, wherever it stands, is shown.
  const tabOf = (anchor) => {
    const place = anchor.length > 1 ? document.getElementById(decodeURIComponent(anchor.slice(1))) : null;
    return [place?.closest("[data-panel]")?.dataset.panel, place];
  };
  const follow = () => {
    const [name, place] = tabOf(location.hash);
    if (!name || !tabs().some((tab) => tab.dataset.tab === name)) return false;
    show(name);
    isChosen = true;
    if (place.localName === "details") place.open = true;
    place.scrollIntoView();
    return true;
  };

  const start = () => {
    if (!bar()) return;
    const isKnown = tabs().some((tab) => tab.dataset.tab === current);
    bar().setAttribute("role", "tablist");
    show(isKnown ? current : bar().dataset.current);
    isChosen ||= new URL(location.href).searchParams.has("tab");
  };

  document.addEventListener("click", (event) => {
    const tab = event.target.closest?.("#tabs [data-tab]");
    if (tab) { event.preventDefault(); choose(tab.dataset.tab); tab.focus(); return; }
    const link = event.target.closest?.("a[href]");
    if (!link || !bar()) return;
    if (link.getAttribute("href") === location.hash) follow();  // no change that would be told
    else if (isChosen && link.pathname === location.pathname && link.search && !link.hash) {  // what was chosen stays
      const url = new URL(link.href);
      url.searchParams.set("tab", current);
      link.href = url;
    }
  });
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("#tabs [data-tab]");
    if (!tab || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = tabs(), at = all.indexOf(tab);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === " ") { event.preventDefault(); choose(tab.dataset.tab); return; }
    if (to === undefined) return;
    event.preventDefault();
    const next = all[(to + all.length) % all.length];
    choose(next.dataset.tab);
    next.focus();
  });
  window.addEventListener("hashchange", follow);
  document.addEventListener("DOMContentLoaded", () => { start(); follow(); });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target?.id === "result") start(); });
  document.addEventListener("htmx:pushedIntoHistory", note);
  // What is asked for anew comes with the tab that is seen, so that what is typed in it keeps the focus.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (!isChosen || !bar() || detail.target?.id !== "result") return;
    if (detail.verb === "get") {
      const url = new URL(detail.path, location.href);
      url.searchParams.set("tab", current);
      detail.path = `${url.pathname}${url.search}`;
    } else detail.parameters.tab = current;
  });
})();
