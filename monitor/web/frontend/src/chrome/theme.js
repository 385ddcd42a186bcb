// Dark or light: as the system says, or as the user does. Owns one attribute of the page, and tells what is drawn.

export const THEMES = ["auto", "dark", "light"];

export function installTheme(store) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const { theme } = store.state;
    document.documentElement.dataset.theme = theme === "auto" ? (system.matches ? "dark" : "light") : theme;
    dispatchEvent(new Event("theme"));
  };
  system.addEventListener("change", apply);
  store.watch(["theme"], apply);
}
