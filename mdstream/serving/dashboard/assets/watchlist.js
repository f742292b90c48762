"use strict";
// The list of symbols: found by what is typed, in the order that is asked for. Only the rows that are seen are there.

window.mdstream = window.mdstream || {};

mdstream.watchlist = (() => {
  const MARGIN_ROWS = 4;
  const SORT_MILLIS = 1000; // prices change the order at most so often
  const FLASH_MILLIS = 300;
  const byId = (id) => document.getElementById(id);
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const rows = new Map(); // those that are seen, by symbol
  const flashes = new WeakMap();
  let quotes = null; // the market's
  let counted = 0;
  let order = []; // symbols that match, as they stand
  let outdated = true;
  let sortedAt = 0;
  let sort = "symbol";
  let typed = "";
  let picked = "";
  let pick = null;
  let field = null;
  let scheduled = false;
  let room = { row: 0, height: 0, top: 0 }; // asked when it changes: asking has the page laid out

  // quotes: those of the market by symbol, where another symbol may come, and none goes but with all
  function show(known, pickedSymbol, pickSymbol) {
    if (!field) listen();
    if (known !== quotes || known.size !== counted) outdated = true;
    if (sort !== "symbol" && Date.now() - sortedAt > SORT_MILLIS) outdated = true;
    [quotes, counted, picked, pick] = [known, known.size, pickedSymbol, pickSymbol];
    schedule();
  }

  function listen() {
    const list = byId("watchlist");
    field = list.appendChild(mdstream.element("div", "field-of-rows"));
    list.addEventListener("scroll", measure, { passive: true });
    new ResizeObserver(measure).observe(list);
    byId("find").addEventListener("input", (event) => {
      typed = event.target.value.trim();
      again();
    });
    byId("find").addEventListener("keydown", (event) => {
      if (event.key === "Enter") choose();
      else if (event.key === "Escape") leave();
    });
    for (const button of byId("sort").children) button.addEventListener("click", () => sortBy(button.value));
    addEventListener("keydown", (event) => {
      const isTyping = event.target.closest?.("input, textarea, [contenteditable]");
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      byId("find").focus();
    });
    sortBy(sort);
  }

  function measure() {
    const list = byId("watchlist");
    const row = parseFloat(getComputedStyle(field).getPropertyValue("--row"));
    room = { row, height: list.clientHeight, top: list.scrollTop };
    schedule();
  }

  function again() {
    outdated = true;
    byId("watchlist").scrollTop = 0;
    measure();
  }

  function sortBy(name) {
    sort = name;
    for (const button of byId("sort").children) button.setAttribute("aria-pressed", String(button.value === name));
    again();
  }

  // What was typed as a whole, else the first that matches, else what was typed: it may come later.
  function choose() {
    if (!typed) return;
    const whole = [typed, typed.toUpperCase()].find((symbol) => quotes.has(symbol));
    pick(whole || order[0] || typed);
    leave();
  }

  function leave() {
    // React keeps the value of its fields: it hears of a change by the event alone.
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
    set.call(byId("find"), "");
    byId("find").dispatchEvent(new Event("input", { bubbles: true }));
    byId("find").blur();
  }

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(paint);
  }

  const moved = (symbol) => {
    const { last, opened } = quotes.get(symbol);
    return opened ? last / opened - 1 : 0;
  };

  function arrange() {
    const wanted = typed.toUpperCase();
    order = [...quotes.keys()].filter((symbol) => symbol.toUpperCase().includes(wanted)).sort();
    if (sort === "up") order.sort((a, b) => moved(b) - moved(a));
    else if (sort === "volume") order.sort((a, b) => quotes.get(b).volume - quotes.get(a).volume);
    else if (sort === "down") order.sort((a, b) => moved(a) - moved(b));
    // What begins with what was typed is meant more likely than what has it somewhere.
    else if (wanted) order.sort((a, b) => b.toUpperCase().startsWith(wanted) - a.toUpperCase().startsWith(wanted));
    sortedAt = Date.now();
    outdated = false;
  }

  function paint() {
    scheduled = false;
    if (outdated) arrange();
    const { row: height } = room;
    const whole = `${order.length * height}px`;
    if (field.style.height !== whole) field.style.height = whole;
    const first = Math.max(0, Math.floor(room.top / height) - MARGIN_ROWS);
    const seen = order.slice(first, first + Math.ceil(room.height / height) + 2 * MARGIN_ROWS);
    const wanted = new Set(seen);
    for (const symbol of [...rows.keys()].filter((each) => !wanted.has(each))) {
      rows.get(symbol).remove();
      rows.delete(symbol);
    }
    seen.forEach((symbol, i) => place(symbol, (first + i) * height));
    const { classList } = byId("watchlist");
    classList.toggle("empty", !quotes.size);
    classList.toggle("unmatched", quotes.size > 0 && !order.length);
  }

  function place(symbol, top) {
    const row = rows.get(symbol) || made(symbol);
    const shift = `translateY(${top}px)`;
    if (row.style.transform !== shift) row.style.transform = shift;
    row.classList.toggle("picked", symbol === picked);
    fill(row, quotes.get(symbol));
  }

  function made(symbol) {
    const row = mdstream.element("button", "row");
    row.type = "button";
    row.dataset.symbol = symbol;
    row.append(...["symbol", "last", "change", "volume", "since"].map((name) => mdstream.element("span", name)));
    row.firstChild.textContent = symbol;
    row.addEventListener("click", () => pick(symbol));
    field.append(row);
    rows.set(symbol, row);
    return row;
  }

  function fill(row, quote) {
    if (row.quote === quote) return;
    const before = row.quote;
    row.quote = quote;
    const [, last, change, volume, since] = row.children;
    const { number, difference, amount, decimalsOf } = mdstream.words;
    const decimals = decimalsOf([quote.last, quote.opened]);
    const { text, direction } = mdstream.words.change(quote.last, quote.opened);
    const look = direction > 0 ? "up" : direction < 0 ? "down" : "";
    setText(last, number(quote.last, decimalsOf([quote.last])));
    setText(change, text, `change ${look}`);
    setText(volume, amount(quote.volume));
    setText(since, difference(quote.last - quote.opened, decimals), `since ${look}`);
    const opening = `${number(quote.opened, decimals)}, where its session began, ${mdstream.words.moment(quote.opening)}`;
    const title = `Change since ${opening}; traded since then: ${number(quote.volume, 0)}`;
    if (row.title !== title) row.title = title;
    if (before && before.last !== quote.last && !still.matches) flash(last, quote.last > before.last ? "rose" : "fell");
  }

  // What is set anew is laid out anew.
  function setText(cell, text, look) {
    if (cell.textContent !== text) cell.textContent = text;
    if (look !== undefined && cell.className !== look) cell.className = look;
  }

  // On and off: a color that fades is painted anew sixty times a second.
  function flash(cell, look) {
    clearTimeout(flashes.get(cell));
    cell.classList.remove("rose", "fell");
    cell.classList.add(look);
    flashes.set(cell, setTimeout(() => cell.classList.remove(look), FLASH_MILLIS));
  }

  return { show };
})();
