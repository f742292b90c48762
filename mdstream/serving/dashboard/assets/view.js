"use strict";
// Asks the dashboard's server for what is new, and brings it onto the page.

window.mdstream = window.mdstream || {};

Object.assign(mdstream, (() => {
  const HIDDEN_MILLIS = 5000;
  const AFTER_FAILURE_MILLIS = 1000;
  const WHEEL_MILLIS = 400;
  const LINE_COLORS = ["line1", "line2", "line3", "line4", "line5", "line6", "line7", "line8"];
  const COLORS = ["paper", "panel", "grid", "text", "weak", "veil", "up", "down", "upWeak", "downWeak", "band",
    "low", "medium", "high", "critical", ...LINE_COLORS];
  const OFFLINE = { name: "dashboard", text: "The dashboard does not answer. Is it running? `mdstream dashboard`" };

  const NO_PRICES = "Start a feed, `mdstream ingest --feed synthetic`, and the jobs, `mdstream run live_bars store_ticks analytics`. Charts appear with the first bar.";

  const panels = mdstream.panels;
  const picked = { symbol: "", window: "", groups: [] };
  let setup = null;
  let market = null;
  let studies = [];
  let zoomed = null;
  let pointed = null;
  let colors = null;
  let plot = null;
  let drawn = null;
  let held = false;
  let wheelAt = 0;
  let timer = 0;
  let asking = null;

  const byId = (id) => document.getElementById(id);
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);

  // Another symbol, window or choice of indicators; returns what the address of the page says of it.
  function show(symbol, windowName, groups, configured) {
    if (!setup) start(configured);
    const another = symbol !== picked.symbol || windowName !== picked.window;
    Object.assign(picked, { symbol: symbol || "", window: windowName, groups: groups || [] });
    if (another) {
      market.clearChart();
      zoomed = pointed = null;
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
    let place = 0;
    let color = 0;
    studies = setup.studies.map((study) => ({
      ...study,
      // The two limits of a band have one color.
      lines: withColors(study.lines.map((line) => ({ ...line, place: place++ })), () => LINE_COLORS[color++ % LINE_COLORS.length]),
    }));
    byId("theme").addEventListener("click", otherTheme);
    byId("follow").addEventListener("click", follow);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
    document.addEventListener("visibilitychange", () => ask());
    addEventListener("resize", draw);
    const chart = byId("chart");
    chart.addEventListener("pointerdown", () => { held = true; });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { held = false; draw(); });
    chart.addEventListener("wheel", () => { wheelAt = Date.now(); setTimeout(draw, WHEEL_MILLIS + 10); }, { passive: true });
    chart.addEventListener("mouseleave", () => point(null));
    chart.addEventListener("dblclick", follow);
    const asked = new URLSearchParams(location.search);
    if (asked.get("window") in setup.windows) setProps("window", { value: asked.get("window") });
    if (asked.get("symbol")) setProps("symbol", { options: [asked.get("symbol")], value: asked.get("symbol") });
  }

  function withColors(lines, next) {
    const limit = (line) => line.drawing === "upper" || line.drawing === "lower";
    const ofBand = lines.some(limit) ? next() : "";
    return lines.map((line) => ({ ...line, color: limit(line) ? ofBand : next() }));
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
    setProps("symbol", { value: symbol });
  }

  function showAnomaly(anomaly) {
    if (anomaly.window !== picked.window) setProps("window", { value: anomaly.window });
    if (anomaly.symbol !== picked.symbol) pick(anomaly.symbol);
  }

  // The chart was dragged or its time axis stretched.
  function zoom(change) {
    if (change["xaxis.range[0]"] === undefined || !market.bars.length) return;
    const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]].map(mdstream.figure.fromAxis);
    zoomed = { from, to, follows: to > market.lastBar.start };
    draw();
  }

  function point(time) {
    pointed = time;
    draw();
  }

  function follow() {
    zoomed = null;
    draw();
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

  function readColors() {
    const probe = document.createElement("i");
    document.body.append(probe);
    const read = COLORS.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    });
    probe.remove();
    return Object.fromEntries(read);
  }

  function draw() {
    if (!drawn) drawn = requestAnimationFrame(() => { drawn = null; drawNow(); });
  }

  // Dash puts an empty plot on the page when Plotly is loaded.
  function findPlot() {
    const found = document.querySelector("#chart .js-plotly-plot");
    if (!found || !found.on) return false;
    plot = found;
    plot.on("plotly_relayout", zoom);
    plot.on("plotly_hover", (event) => point(mdstream.figure.fromAxis(event.points[0].x)));
    return true;
  }

  function drawNow() {
    if (!plot && !findPlot()) return void setTimeout(draw, 50);
    say();
    if (held || Date.now() - wheelAt < WHEEL_MILLIS) return;
    byId("chart").classList.toggle("blank", !market.bars.length);
    byId("follow").hidden = !zoomed;
    if (!market.bars.length) return;
    colors = colors || readColors();
    const figure = mdstream.figure.build(market, {
      colors, pointed, zoom: zoomed, font: getComputedStyle(document.body).fontFamily,
      studies: studies.filter((study) => picked.groups.includes(study.group)).map(inColors),
      windowMillis: setup.windows[picked.window] * 1000,
      width: plot.clientWidth,
      decimals: decimals(),
      identity: `${picked.symbol} ${picked.window}`,
    });
    window.Plotly.react(plot, figure.data, figure.layout);
  }

  // The same study with the colors of the theme.
  function inColors(study) {
    return { ...study, lines: study.lines.map((line) => ({ ...line, color: colors[line.color] })) };
  }

  const decimals = () => mdstream.words.decimalsOf(market.bars.slice(-60).map((bar) => bar.close));

  // The texts over and on the chart.
  function say() {
    const quote = market.quotes.get(picked.symbol);
    const bar = market.starts.get(pointed) || market.lastBar;
    panels.quoteLine(picked.symbol || "–", picked.window, bar, quote, decimals());
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
