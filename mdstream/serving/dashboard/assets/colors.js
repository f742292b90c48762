"use strict";
// The colors of the theme, and one for each line that no other line has.

window.mdstream = window.mdstream || {};

mdstream.colors = (() => {
  const NAMES = ["paper", "panel", "grid", "text", "weak", "up", "down", "upWeak", "downWeak", "low", "medium", "high",
    "critical"];
  const NAMED_LINES = 12;
  const TURN = 137.5; // degrees: neighbours lie far from each other

  // How a stylesheet says the color of the line at a place.
  function ofLine(place) {
    if (place < NAMED_LINES) return `var(--line${place + 1})`;
    const hue = Math.round(place * TURN) % 360;
    return `light-dark(hsl(${hue} 70% 34%), hsl(${hue} 70% 68%))`;
  }

  // Everything as the chart takes it: red, green and blue.
  function read(lines) {
    const probe = document.createElement("i");
    document.body.append(probe);
    const resolved = (said) => {
      probe.style.color = said;
      return getComputedStyle(probe).color;
    };
    const found = Object.fromEntries(NAMES.map((name) => [name, resolved(`var(--${name})`)]));
    found.lines = Array.from({ length: lines }, (_, place) => resolved(ofLine(place)));
    probe.remove();
    return found;
  }

  return { read };
})();
