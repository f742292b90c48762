"use strict";
// The chart: candles, volume, and what lies over and below them. What has not changed is not drawn again.

window.mdstream = window.mdstream || {};

mdstream.chart = (() => {
  const { onAxis, fromAxis } = mdstream.axis;
  const LEAST_BARS = 40;
  const MOST_BARS = 150;
  const BAR_PIXELS = 9;
  const RIGHT_BARS = 3;
  const MOST_AHEAD = 20;
  const SHARE_OF_VOLUME = 0.2;
  const MOST_UPDATES = 50; // more are quicker set as a whole
  const GESTURE_MILLIS = 400;

  let chart, candles, volume, marks, forecasts, view, market;
  let episodes = new Map();
  let live = true; // shows the newest bars until somebody moves the chart
  let asked = null; // the place to go to as soon as its bars are there
  let held = false;
  let gestureAt = 0;
  let drawn = { newest: -Infinity, room: 0, marks: "[]" };

  // handlers: pointed(start or null), moved(), atLeft()
  function create(element, handlers) {
    const { createChart, CandlestickSeries, HistogramSeries, createSeriesMarkers } = window.LightweightCharts;
    chart = createChart(element, {
      autoSize: true,
      localization: { timeFormatter: mdstream.axis.moment },
      handleScroll: { vertTouchDrag: false },
      timeScale: { timeVisible: true, tickMarkFormatter: mdstream.axis.mark, minBarSpacing: 0.2, rightOffset: RIGHT_BARS },
      rightPriceScale: { minimumWidth: 62, scaleMargins: { top: 0.12, bottom: 0.08 } },
    });
    candles = chart.addSeries(CandlestickSeries, { borderVisible: false });
    volume = chart.addSeries(HistogramSeries, { priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "volume" } }, 1);
    chart.panes()[1].setStretchFactor(SHARE_OF_VOLUME);
    volume.priceScale().applyOptions({ scaleMargins: { top: 0.15, bottom: 0 } });
    marks = createSeriesMarkers(candles, []);
    forecasts = new mdstream.forecasts.Drawing();
    candles.attachPrimitive(forecasts);
    mdstream.legend.create(element);
    listen(element, handlers);
  }

  function listen(element, handlers) {
    const pointed = (event) => handlers.pointed(event.time === undefined ? null : fromAxis(event.time));
    chart.subscribeCrosshairMove(pointed);
    chart.subscribeClick(pointed);
    chart.subscribeDblClick(follow);
    element.addEventListener("pointerdown", () => { held = true; });
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, letGo);
    for (const kind of ["wheel", "touchmove"]) element.addEventListener(kind, () => { gestureAt = Date.now(); }, { passive: true });
    chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && (held || Date.now() - gestureAt < GESTURE_MILLIS)) live = false;
      if (range && range.from < 0 && !live) handlers.atLeft();
      handlers.moved();
    });
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    element.setAttribute("aria-label", "Chart: arrows move it, + and - stretch it, End goes to the newest bar");
    element.addEventListener("keydown", (event) => { if (byKey(event.key)) event.preventDefault(); });
  }

  function letGo() {
    if (held) gestureAt = Date.now();
    held = false;
  }

  function byKey(key) {
    const scale = chart.timeScale();
    const { from, to } = scale.getVisibleLogicalRange() || { from: 0, to: 0 };
    const step = (to - from) / 10;
    const moves = {
      ArrowLeft: [-step, -step], ArrowRight: [step, step], "+": [step, 0], "-": [-step, 0],
    };
    if (key === "End" || key === "Escape") follow();
    else if (key === "Home") move({ from: 0, to: to - from });
    else if (moves[key]) move({ from: from + moves[key][0], to: to + moves[key][1] });
    else return false;
    return true;
  }

  function move(range) {
    gestureAt = Date.now();
    chart.timeScale().setVisibleLogicalRange(range);
  }

  // ---- what is drawn ---------------------------------------------------------------------------------------------

  // next: {identity, windowMillis, studies, colors, price, decimals, pointed}
  function draw(from, next) {
    const before = view;
    [view, market] = [next, from];
    const another = !before || before.identity !== view.identity;
    const restyled = !before || before.colors !== view.colors;
    const restudied = restyled || before.studies.map(nameOf).join() !== view.studies.map(nameOf).join();
    if (restyled) restyle();
    if (another || restyled || before.decimals !== view.decimals) {
      candles.applyOptions({ priceFormat: { type: "custom", minMove: 10 ** -view.decimals, formatter: view.price } });
    }
    if (restudied) mdstream.lines.rebuild(chart, view);
    const changes = market.changes();
    if (another) candles.priceScale().applyOptions({ autoScale: true });
    if (another || restudied || changes.whole || isManyOrUnknown(changes)) setAll();
    else changes.starts.forEach(update);
    if (another || restyled || changes.any) {
      episodes = mdstream.marks.episodes(market);
      mark(mdstream.marks.markers(episodes, view));
      forecasts.show(market, view);
      stay(another || changes.whole);
    }
    say();
  }

  // Setting marks lays all bars out anew.
  function mark(wanted) {
    const text = JSON.stringify(wanted);
    if (text === drawn.marks) return;
    drawn.marks = text;
    marks.setMarkers(wanted);
  }

  const nameOf = (study) => study.label;

  function isManyOrUnknown({ starts, added }) {
    return starts.length > MOST_UPDATES || added.some((start) => start < drawn.newest);
  }

  function candle(bar) {
    return { time: onAxis(bar.start), open: bar.open, high: bar.high, low: bar.low, close: bar.close };
  }

  function amount(bar) {
    return { time: onAxis(bar.start), value: bar.volume, color: bar.close >= bar.open ? view.colors.upWeak : view.colors.downWeak };
  }

  function setAll() {
    const { bars } = market;
    candles.setData(bars.map(candle));
    volume.setData(bars.map(amount));
    mdstream.lines.setAll(bars, view);
    drawn.newest = bars.length ? bars[bars.length - 1].start : -Infinity;
  }

  function update(start) {
    const bar = market.starts.get(start);
    const isOlder = start < drawn.newest;
    candles.update(candle(bar), isOlder);
    volume.update(amount(bar), isOlder);
    mdstream.lines.update(bar, market.bars[market.bars.lastIndexOf(bar) - 1], view, isOlder);
    drawn.newest = Math.max(drawn.newest, start);
  }

  function restyle() {
    const { colors } = view;
    const dotted = { color: colors.weak, style: window.LightweightCharts.LineStyle.Dotted, labelBackgroundColor: colors.panel };
    chart.applyOptions({
      layout: {
        background: { color: colors.paper }, textColor: colors.text, fontSize: 11, attributionLogo: false,
        fontFamily: getComputedStyle(document.body).fontFamily,
        panes: { separatorColor: colors.grid, separatorHoverColor: colors.upWeak },
      },
      grid: { vertLines: { color: colors.grid }, horzLines: { color: colors.grid } },
      crosshair: { mode: window.LightweightCharts.CrosshairMode.Normal, vertLine: dotted, horzLine: dotted },
      timeScale: { borderColor: colors.grid }, rightPriceScale: { borderColor: colors.grid },
    });
    candles.applyOptions({ upColor: colors.up, downColor: colors.down, wickUpColor: colors.up, wickDownColor: colors.down });
  }

  function say() {
    mdstream.legend.show(chart.panes(), market, view, episodes.get(view.pointed) || []);
  }

  // ---- where it is -----------------------------------------------------------------------------------------------

  const lastPlace = () => market.bars.length - 1;

  function millisAt(logical) {
    const place = Math.round(logical);
    const near = Math.max(0, Math.min(lastPlace(), place));
    return market.bars[near].start + (place - near) * view.windowMillis;
  }

  function logicalAt(millis) {
    if (millis === -Infinity) return 0;
    const place = market.bars.findLastIndex((bar) => bar.start <= millis);
    if (place >= 0 && place < lastPlace()) return place;
    const edge = Math.max(0, place);
    return edge + (millis - market.bars[edge].start) / view.windowMillis;
  }

  // After a change of the bars: the newest, or where somebody wants to be.
  function stay(isWhole) {
    if (!market.bars.length) return;
    if (asked && market.loaded) goTo();
    const ahead = mdstream.forecasts.room(market, view, Math.min(MOST_AHEAD, wantedBars() / 3));
    const room = ahead ? ahead + RIGHT_BARS + 1 : RIGHT_BARS; // its words stand behind a forecast
    if (live && (isWhole || room !== drawn.room)) showNewest(room);
    drawn.room = room;
  }

  const wantedBars = () => Math.max(LEAST_BARS, Math.min(MOST_BARS, Math.floor(chart.timeScale().width() / BAR_PIXELS)));

  function showNewest(room) {
    const shown = Math.max(LEAST_BARS, Math.min(market.bars.length, wantedBars()));
    chart.timeScale().setVisibleLogicalRange({ from: lastPlace() - shown + 0.5, to: lastPlace() + room + 0.5 });
  }

  function follow() {
    live = true;
    gestureAt = 0;
    asked = null;
    candles.priceScale().applyOptions({ autoScale: true });
    if (market && market.bars.length) showNewest(drawn.room || RIGHT_BARS);
  }

  // {at} in milliseconds comes into the middle; {to, bars} to the right, with so many bars; {span} ends with the newest.
  function show(wanted) {
    live = false;
    asked = wanted;
    if (market && market.bars.length && market.loaded) goTo();
  }

  function goTo() {
    const range = chart.timeScale().getVisibleLogicalRange();
    const { at, to, bars, span } = asked;
    const half = (range ? range.to - range.from : LEAST_BARS) / 2;
    const wanted = span !== undefined
      ? { from: Math.max(0, logicalAt(market.lastBar.start - span)) - 0.5, to: lastPlace() + RIGHT_BARS }
      : at !== undefined
        ? { from: logicalAt(at) - half, to: logicalAt(at) + half }
        : { from: logicalAt(to) - bars, to: logicalAt(to) };
    asked = null;
    chart.timeScale().setVisibleLogicalRange(wanted);
  }

  // Where somebody moved it, to be shown again in another window; null while it shows the newest bars.
  function place() {
    const range = chart.timeScale().getVisibleLogicalRange();
    if (live || !range || !market || !market.bars.length) return null;
    return { to: millisAt(range.to), bars: range.to - range.from };
  }

  // ---- what tests ask --------------------------------------------------------------------------------------------

  // What is drawn, read back from the chart's library: candles, lines by column with their pane and levels, starts of
  // marked bars, forecasts, what is seen (milliseconds), and the color behind it.
  function shown() {
    if (!chart) return { candles: [], volume: [], lines: {}, marks: [], forecasts: [], range: null, background: "" };
    const range = chart.timeScale().getVisibleLogicalRange();
    const bars = candles.data().map(({ time, open, high, low, close }) => ({ start: fromAxis(time), open, high, low, close }));
    return {
      candles: bars,
      volume: volume.data().map((each) => each.value),
      lines: mdstream.lines.shown(bars.map((bar) => bar.start)),
      marks: marks.markers().map((mark) => ({ start: fromAxis(mark.time), color: mark.color })),
      forecasts: forecasts.points,
      range: range && market && market.bars.length ? [millisAt(range.from), millisAt(range.to)] : null,
      background: chart.options().layout.background.color,
    };
  }

  return { create, draw, follow, show, place, shown, isLive: () => live, update: say };
})();
