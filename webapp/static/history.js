// Back and forward between addresses of one page: htmx asks for the page again, once it listens. Who goes on before that, on a
// page that is still being loaded, would be left with another address's content.
(() => {
  "use strict";
  const address = () => location.pathname + location.search, loaded = address();
  document.addEventListener("DOMContentLoaded", () => { if (address() !== loaded) location.reload(); });
})();
