// Light, dark, or as the system says; remembered in this browser.

const NEXT = { auto: "light", light: "dark", dark: "auto" };

export function setUpTheme(button) {
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  show(localStorage.getItem("theme") in NEXT ? localStorage.getItem("theme") : "auto");
  button.addEventListener("click", () => {
    const theme = NEXT[document.documentElement.dataset.theme];
    localStorage.setItem("theme", theme);
    show(theme);
  });
}
