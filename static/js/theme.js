// Runs before the first paint, so that a dark page never flashes white.
(function () {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const apply = () => {
    document.documentElement.dataset.bsTheme = stored() || (system.matches ? "dark" : "light");
  };
  apply();
  system.addEventListener("change", apply);
})();
