// The editor's lists can be searched; the link of a scenario can be copied.
(() => {
  "use strict";
  document.addEventListener("input", (event) => {
    if (!event.target.matches(".list-filter")) return;
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    document.getElementById(event.target.dataset.list).querySelectorAll("label").forEach((label) => {
      const text = label.textContent.toLowerCase();
      label.hidden = !words.every((word) => text.includes(word));
    });
  });
  document.addEventListener("keydown", (event) => {  // Enter in a search of a list does not send the form
    if (event.key === "Enter" && event.target.matches(".list-filter")) event.preventDefault();
  });
  document.addEventListener("click", async (event) => {
    if (event.target.id !== "copy-link") return;
    const link = location.origin + location.pathname;
    try {
      await navigator.clipboard.writeText(link);
      event.target.textContent = event.target.dataset.done;
    } catch {
      window.prompt("The link of this scenario", link);  // no clipboard without HTTPS
    }
  });
})();
