"use strict";
// Who rose and who fell most since their sessions began.

window.mdstream = window.mdstream || {};

mdstream.movers = (() => {
  const EACH = 3;
  const MILLIS = 1000; // the order changes at most so often
  const sides = []; // buttons of those that rise, and of those that fall
  let known = null;
  let pick = null;
  let drawnAt = 0;
  let timer = null;

  // quotes: those of the market by symbol
  function show(quotes, pickSymbol) {
    if (!sides.length) make();
    [known, pick] = [quotes, pickSymbol];
    if (timer === null) timer = setTimeout(draw, Math.max(0, drawnAt + MILLIS - Date.now()));
  }

  function make() {
    for (const look of ["up", "down"]) {
      const list = document.getElementById("movers").appendChild(mdstream.element("div", look));
      sides.push(Array.from({ length: EACH }, () => list.appendChild(made(look))));
    }
  }

  function made(look) {
    const button = mdstream.element("button", "mover");
    button.type = "button";
    button.hidden = true;
    button.append(mdstream.element("span", "symbol"), mdstream.element("span", `change ${look}`));
    button.addEventListener("click", () => pick(button.firstChild.textContent));
    return button;
  }

  // One pass: there may be ten thousand symbols.
  function draw() {
    [timer, drawnAt] = [null, Date.now()];
    const most = [[], []];
    for (const { symbol, last, opened } of known.values()) {
      const by = opened ? last / opened - 1 : 0;
      if (by) place(most[by > 0 ? 0 : 1], { symbol, last, opened, by: Math.abs(by) });
    }
    sides.forEach((buttons, i) => fill(buttons, most[i]));
    document.getElementById("movers").classList.toggle("empty", !most[0].length && !most[1].length);
  }

  // Of equal ones the first by name.
  function place(most, mover) {
    const isBehind = (each) => each.by < mover.by || (each.by === mover.by && each.symbol > mover.symbol);
    const at = most.findIndex(isBehind);
    most.splice(at < 0 ? most.length : at, 0, mover);
    if (most.length > EACH) most.pop();
  }

  function fill(buttons, movers) {
    buttons.forEach((button, i) => {
      const mover = movers[i];
      if (button.hidden === Boolean(mover)) button.hidden = !mover;
      if (!mover) return;
      const { text } = mdstream.words.change(mover.last, mover.opened);
      const [name, change] = button.children;
      if (name.textContent !== mover.symbol) name.textContent = mover.symbol;
      if (change.textContent !== text) change.textContent = text;
    });
  }

  return { show };
})();
