// Dark or light: as chosen here before, else as the system says; light on paper. Loaded before the page is drawn, so that it never flashes.
(() => {
  "use strict";
  const system = matchMedia("(prefers-color-scheme: dark)"), paper = matchMedia("print");
  const apply = () => {
    const theme = paper.matches ? "light" : localStorage.getItem("theme") || (system.matches ? "dark" : "light");
    document.documentElement.dataset.bsTheme = theme;
    document.dispatchEvent(new Event("theme"));
  };
  apply();
  document.documentElement.classList.add("has-script");
  system.addEventListener("change", apply);
  paper.addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#theme")) return;
    localStorage.setItem("theme", document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark");
    apply();
  });
})();
