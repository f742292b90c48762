"use strict";
// Asks the dashboard's server for what is new, and brings it onto the page.

window.mdstream = window.mdstream || {};

Object.assign(mdstream, (() => {
  const HIDDEN_MILLIS = 5000;
  const AFTER_FAILURE_MILLIS = 1000;
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
  let timer = 0;
  let asking = null;

  const byId = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  // Another symbol, window or choice of indicators; returns what the address of the page says of it.
  function show(symbol, windowName, groups, configured) {
    if (!setup) start(configured);
    const isOther = (symbol || "") !== picked.symbol;
    const another = isOther || windowName !== picked.window;
    // The same time in another window; of another symbol the newest.
    const place = isOther ? null : mdstream.chart.place();
    Object.assign(picked, { symbol: symbol || "", window: windowName, groups: groups || [] });
    if (another) {
      market.clearChart();
      pointed = null;
      const goal = wanted && wanted.symbol === picked.symbol && wanted.window === picked.window ? wanted : place;
      if (goal) mdstream.chart.show(goal);
      else mdstream.chart.follow();
      ask();
    }
    panels.watchlist([], picked.symbol, pick);
    draw();
    return symbol ? `?${new URLSearchParams({ symbol, window: windowName })}` : location.search;
  }

  // ---- start -----------------------------------------------------------------------------------------------------

  function start(configured) {
    setup = configured;
    market = new mdstream.Market(setup.capacity);
    studies = withPlaces(setup.studies);
    mdstream.chart.create(byId("chart"), { pointed: point, moved: showFollow, atLeft: () => {} });
    byId("theme").addEventListener("click", otherTheme);
    byId("follow").addEventListener("click", follow);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
    document.addEventListener("visibilitychange", () => ask());
    const asked = new URLSearchParams(location.search);
    if (asked.get("window") in setup.windows) setProps("window", { value: asked.get("window") });
    if (asked.get("symbol")) setProps("symbol", { options: [asked.get("symbol")], value: asked.get("symbol") });
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

  function ask() {
    clearTimeout(timer);
    if (asking) asking.abort();
    const own = (asking = new AbortController());
    const { symbol, window: windowName } = picked;
    const query = { symbol, window: windowName, since: market.version, epoch: market.epoch };
    fetch(`live?${new URLSearchParams(query)}`, { signal: own.signal })
      .then((response) => (response.ok ? response.json() : Promise.reject(response)))
      .then((answer) => { if (own === asking) { take(answer); again(setup.refresh); } })
      .catch((failure) => { if (own === asking) failed(failure); });
  }

  function again(millis) {
    timer = setTimeout(ask, document.hidden ? HIDDEN_MILLIS : millis);
  }

  function failed(failure) {
    if (failure.status === 401) location.reload();
    panels.connection(null);
    panels.banner([OFFLINE]);
    again(AFTER_FAILURE_MILLIS);
  }

  function take(answer) {
    const changed = market.take(answer);
    if (changed.quotes.length) {
      panels.watchlist(changed.quotes, picked.symbol, pick);
      offerSymbols();
    }
    if (changed.anomalies.length) panels.anomalies(market.feed, showAnomaly);
    panels.figures(market.status);
    panels.connection(market.status);
    panels.banner(market.status.problems);
    if (changed.chart || !market.bars.length || changed.quotes.some((quote) => quote.symbol === picked.symbol)) draw();
  }

  let offered = "";
  function offerSymbols() {
    const symbols = [...new Set([...market.quotes.keys(), picked.symbol])].filter(Boolean).sort();
    if (symbols.join() !== offered) {
      offered = symbols.join();
      setProps("symbol", { options: symbols });
    }
    if (!picked.symbol && symbols.length) pick(setup.symbols.find((symbol) => market.quotes.has(symbol)) || symbols[0]);
  }

  // ---- what people do --------------------------------------------------------------------------------------------

  function pick(symbol) {
    wanted = null;
    setProps("symbol", { value: symbol });
  }

  // To the bar of an anomaly, of whatever symbol and window.
  function showAnomaly(anomaly) {
    const isHere = anomaly.symbol === picked.symbol && anomaly.window === picked.window;
    if (isHere) return void mdstream.chart.show({ at: anomaly.start });
    wanted = { symbol: anomaly.symbol, window: anomaly.window, at: anomaly.start };
    if (anomaly.window !== picked.window) setProps("window", { value: anomaly.window });
    if (anomaly.symbol !== picked.symbol) setProps("symbol", { value: anomaly.symbol });
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

  function drawNow() {
    say();
    byId("chart").classList.toggle("blank", !market.bars.length);
    if (!colors) {
      colors = mdstream.colors.read(studies.reduce((sum, study) => sum + study.lines.length, 0));
      shown = studies.map(inColors);
    }
    const digits = decimals();
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

  const decimals = () => mdstream.words.decimalsOf(market.bars.slice(-60).map((bar) => bar.close));

  // The texts over and on the chart.
  function say() {
    const quote = market.quotes.get(picked.symbol);
    const bar = market.starts.get(pointed) || market.lastBar;
    panels.quoteLine(picked.symbol || "–", picked.window, bar, quote, decimals(), market.starts.has(pointed));
    if (quote) document.title = `${mdstream.words.number(quote.last, decimals())} ${picked.symbol} · mdstream`;
    const [title, text] = noticeOf();
    panels.notice(title, text);
  }

  // Why there is no chart, and what to do about it.
  function noticeOf() {
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
