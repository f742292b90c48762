"use strict";
// Asks the dashboard's server for what is new, and brings it onto the page.

window.mdstream = window.mdstream || {};

Object.assign(mdstream, (() => {
  const OFFLINE = { name: "dashboard", text: "The dashboard does not answer. Is it running? `mdstream dashboard`" };

  const NO_PRICES = "Start a feed, `mdstream ingest --feed synthetic`, and the jobs, `mdstream run live_bars store_ticks analytics`. Charts appear with the first bar.";

  const panels = mdstream.panels;
  const picked = { symbol: "", window: "", groups: [] };
  let setup = null;
  let market = null;
  let studies = [];
  let pointed = null;
  let wanted = null;
  let colors = null;
  let shown = [];
  let drawn = null;
  let refused = null; // {symbol, text}: what the server says is no symbol
  let unknown = ""; // a window that the address names and that there is not

  const byId = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  // Another symbol, window or choice of indicators; returns what the address of the page says of it.
  function show(symbol, windowName, groups, configured) {
    const isFirst = !setup;
    if (isFirst) start(configured);
    const isOther = (symbol || "") !== picked.symbol;
    const another = isOther || windowName !== picked.window;
    // The same time in another window; of another symbol the newest.
    const place = isOther ? null : mdstream.chart.place();
    if (windowName !== picked.window && picked.window) unknown = "";
    Object.assign(picked, { symbol: symbol || "", window: windowName, groups: groups || [] });
    if (isFirst) readAddress();
    const arrived = isArrived() ? wanted : null;
    if (another) {
      market.clearChart();
      pointed = null;
      const goal = arrived && (arrived.at || arrived.span) ? arrived : place;
      if (goal) mdstream.chart.show(goal);
      else mdstream.chart.follow();
      mdstream.server.ask();
    }
    mdstream.watchlist.show(market.quotes, picked.symbol, pick);
    draw();
    // Symbol and window come one after the other: what is between is no address.
    if (wanted && !arrived && another && wanted.steps-- > 0) return location.search;
    if (!arrived || !(arrived.at || arrived.span)) wanted = null;
    return symbol ? `?${new URLSearchParams({ symbol, window: windowName })}` : location.search;
  }

  // ---- start -----------------------------------------------------------------------------------------------------

  function start(configured) {
    setup = configured;
    market = new mdstream.Market(setup.capacity);
    studies = withPlaces(setup.studies);
    mdstream.chart.create(byId("chart"), { pointed: point, moved: showFollow, atLeft: loadOlder });
    mdstream.server.start({ question, took: take, failed }, setup.refresh);
    mdstream.chosenByKey(byId("window"), "Window");
    mdstream.chosenByKey(byId("groups"), "Indicators");
    byId("ranges").addEventListener("click", (event) => showSpan(event.target.value));
    byId("theme").addEventListener("click", otherTheme);
    byId("follow").addEventListener("click", follow);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
    addEventListener("popstate", readAddress);
  }

  // What the address of the page says is picked, as at the start so when somebody goes back or forward.
  function readAddress() {
    const asked = new URLSearchParams(location.search);
    const named = asked.get("window");
    unknown = named && !(named in setup.windows) ? named : "";
    go({ symbol: asked.get("symbol") || picked.symbol, window: !named || unknown ? picked.window : named });
  }

  const isArrived = () => wanted !== null && wanted.symbol === picked.symbol && wanted.window === picked.window;

  // To a symbol and window, and there to a place.
  function go(goal) {
    const steps = Number(goal.window !== picked.window) + Number(goal.symbol !== picked.symbol);
    wanted = steps ? { ...goal, steps } : null;
    if (goal.window !== picked.window) setProps("window", { value: goal.window });
    if (goal.symbol === picked.symbol) return;
    setProps("symbol", market.quotes.has(goal.symbol) ? { value: goal.symbol } : { options: [goal.symbol], value: goal.symbol });
  }

  // Where each line's values are in a bar, and its own color; the two limits of a band have one.
  function withPlaces(configured) {
    let place = 0;
    let color = 0;
    const isLimit = (line) => line.drawing === "upper" || line.drawing === "lower";
    return configured.map((study) => {
      const ofBand = study.lines.some(isLimit) ? color++ : -1;
      const lines = study.lines.map((line) => ({ ...line, place: place++, hue: isLimit(line) ? ofBand : color++ }));
      return { ...study, lines };
    });
  }

  // ---- the server ------------------------------------------------------------------------------------------------

  const isRefused = () => refused !== null && refused.symbol === picked.symbol;

  function question() {
    // What is no symbol has no chart, but prices come all the same.
    const symbol = isRefused() ? "" : picked.symbol;
    return { symbol, window: picked.window, since: market.version, epoch: market.epoch };
  }

  function failed(status, text) {
    if (status === 401) return void location.reload();
    if (status === 422 && picked.symbol && !isRefused()) {
      refused = { symbol: picked.symbol, text };
      mdstream.server.ask();
      return void draw();
    }
    panels.connection(null);
    panels.banner([status ? { name: "dashboard", text: `The dashboard answers ${status}: ${text}` } : OFFLINE]);
  }

  function take(answer) {
    const changed = market.take(answer);
    if (changed.quotes.length) {
      mdstream.watchlist.show(market.quotes, picked.symbol, pick);
      mdstream.movers.show(market.quotes, pick);
      offerSymbols();
    }
    if (changed.anomalies.length) panels.anomalies(market.feed, showAnomaly);
    panels.figures(market.status);
    panels.connection(market.status);
    panels.banner([...market.status.problems, ...ownProblems()]);
    // A goal in another window: its bars are there now.
    if (changed.isLoaded && isArrived()) {
      const goal = wanted;
      drawNow();
      wanted = null;
      if (goal.span) fill(goal);
      if (goal.at) showAnomaly({ symbol: goal.symbol, window: goal.window, start: goal.at });
    }
    if (changed.chart || !market.bars.length || changed.quotes.some((quote) => quote.symbol === picked.symbol)) drawAhead();
  }

  function ownProblems() {
    const names = Object.keys(setup.windows).join(", ");
    return unknown ? [{ name: "window", text: `No window is called ${unknown}: there are ${names}. Shown is ${picked.window}.` }] : [];
  }

  let offered = "";
  function offerSymbols() {
    const known = `${market.quotes.size} ${picked.symbol}`; // a symbol that was there never goes
    if (known === offered) return;
    offered = known;
    const symbols = [...new Set([...market.quotes.keys(), picked.symbol])].filter(Boolean).sort();
    setProps("symbol", { options: symbols });
    if (!picked.symbol && symbols.length) pick(setup.symbols.find((symbol) => market.quotes.has(symbol)) || symbols[0]);
  }

  // ---- what people do --------------------------------------------------------------------------------------------

  function pick(symbol) {
    wanted = null;
    setProps("symbol", { value: symbol });
  }

  // To the bar of an anomaly, of whatever symbol and window.
  async function showAnomaly(anomaly) {
    const { symbol, window: windowName, start } = anomaly;
    go({ symbol, window: windowName, at: start });
    if (symbol !== picked.symbol || windowName !== picked.window) return;
    await mdstream.past.until(start, market, symbol, windowName, drawNow);
    mdstream.chart.show({ at: start });
    showFollow();
  }

  async function showSpan(name) {
    const span = mdstream.past.SPANS[name];
    if (!span || !picked.symbol) return;
    const goal = { symbol: picked.symbol, window: mdstream.past.windowFor(span, setup.windows), span };
    if (goal.window !== picked.window) return void go(goal);
    await fill(goal);
  }

  // Loads what a span needs, and shows it.
  async function fill(goal) {
    const isHere = () => picked.symbol === goal.symbol && picked.window === goal.window;
    mdstream.chart.show({ span: goal.span });
    const from = market.bars.length ? market.lastBar.start - goal.span : 0;
    await mdstream.past.until(from, market, goal.symbol, goal.window, drawNow);
    if (!isHere() || mdstream.chart.isLive()) return;
    mdstream.chart.show({ span: goal.span });
    showFollow();
  }

  async function loadOlder() {
    if (await mdstream.past.more(market, picked.symbol, picked.window)) draw();
  }

  function point(start) {
    if (start === pointed) return;
    pointed = start;
    draw();
  }

  function follow() {
    mdstream.chart.follow();
    showFollow();
  }

  function showFollow() {
    byId("follow").hidden = mdstream.chart.isLive();
  }

  function otherTheme() {
    const systems = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const now = document.documentElement.dataset.theme || systems;
    mdstream.setTheme(now === "dark" ? "light" : "dark");
    restyle();
  }

  function restyle() {
    colors = null;
    draw();
  }

  // ---- the chart -------------------------------------------------------------------------------------------------

  function draw() {
    if (!drawn) drawn = requestAnimationFrame(() => { drawn = null; drawNow(); });
  }

  // Before the next frame, in which the chart's library draws what it is told: told in a frame, it draws in the one after.
  function drawAhead() {
    if (document.hidden) return draw();
    cancelAnimationFrame(drawn);
    drawn = null;
    drawNow();
  }

  function drawNow() {
    const digits = mdstream.words.decimalsOf(market.bars.slice(-60).map((bar) => bar.close));
    say(digits);
    byId("chart").classList.toggle("blank", !market.bars.length);
    if (!colors) {
      colors = mdstream.colors.read(studies.reduce((sum, study) => sum + study.lines.length, 0));
      shown = studies.map(inColors);
    }
    mdstream.chart.draw(market, {
      colors, pointed, decimals: digits, price: (value) => mdstream.words.number(value, digits),
      studies: shown.filter((study) => picked.groups.includes(study.group)),
      windowMillis: setup.windows[picked.window] * 1000,
      identity: `${picked.symbol} ${picked.window}`,
    });
    showFollow();
  }

  // The same study with the colors of the theme.
  function inColors(study) {
    return { ...study, lines: study.lines.map((line) => ({ ...line, color: colors.lines[line.hue] })) };
  }

  // The texts over and on the chart.
  function say(digits) {
    const quote = market.quotes.get(picked.symbol);
    const bar = market.starts.get(pointed) || market.lastBar;
    panels.quoteLine(picked.symbol || "–", picked.window, bar, quote, digits, market.starts.has(pointed));
    if (quote) document.title = `${mdstream.words.number(quote.last, digits)} ${picked.symbol} · mdstream`;
    const [title, text] = noticeOf();
    panels.notice(title, text);
  }

  // Why there is no chart, and what to do about it.
  function noticeOf() {
    if (isRefused()) return [`“${picked.symbol}” is no symbol`, `The server ${refused.text.trim()}. Pick one of the list.`];
    if (market.bars.length || !market.status) return ["", ""];
    // Without Redis there are bars all the same.
    const isAway = market.status.problems.some((problem) => problem.name !== "redis");
    if (!picked.symbol) {
      return isAway ? ["No prices yet", "What may keep them away is said above."] : ["No prices yet", NO_PRICES];
    }
    if (!market.loaded && !isAway) return ["", ""];
    return [`No bars of ${picked.symbol} (${picked.window}) yet`, noBarsOf(isAway)];
  }

  function noBarsOf(isAway) {
    if (isAway) return "What may keep them away is said above. The chart appears with the first bar.";
    if (market.quotes.has(picked.symbol)) {
      return "There are some of another window. The first of this one comes with the next trade, if `windows` of the job's configuration has it.";
    }
    if (market.quotes.size) {
      return "No price of this symbol has come, of others there are: is it written as in the list? Else start a feed that has it. The chart appears with the first bar.";
    }
    return "Start `mdstream run live_bars`, and a feed that has this symbol. The chart appears with the first bar.";
  }

  return { show };
})());

// What Dash calls.
window.dash_clientside = Object.assign({}, window.dash_clientside, { mdstream: { show: mdstream.show } });
