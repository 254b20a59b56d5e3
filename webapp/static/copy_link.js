// "Copy link" and "Print": what a button names in data-copy-link goes to the clipboard; data-print prints the page.
(() => {
  "use strict";
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy-link], [data-print]");
    if (!button) return;
    if (button.dataset.print !== undefined) { window.print(); return; }
    const words = button.dataset.words ??= button.textContent;  // also where it is clicked while it says that it is done
    try {
      await navigator.clipboard.writeText(button.dataset.copyLink);
      button.textContent = button.dataset.done;
      setTimeout(() => { button.textContent = words; }, 2000);
    } catch {
      window.prompt(_("Copy this"), button.dataset.copyLink);  // no clipboard without HTTPS
    }
  });
})();
