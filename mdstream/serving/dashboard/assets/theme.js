"use strict";
// Light or dark: the system's choice until another was made here.

window.mdstream = window.mdstream || {};

mdstream.setTheme = (theme) => {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("mdstream.theme", theme);
};

(() => {
  const chosen = localStorage.getItem("mdstream.theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
})();
