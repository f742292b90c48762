"use strict";
// Bars that are older than those of the chart: they are loaded as somebody goes back to them.

window.mdstream = window.mdstream || {};

mdstream.past = (() => {
  const DAY = 24 * 3600 * 1000;
  const SPANS = { "1D": DAY, "5D": 5 * DAY, "1M": 30 * DAY, all: Infinity };
  const MOST_OF_A_SPAN = 1500; // bars that a chart of a span has at most, if a longer window is there
  const MOST_BARS = 10000;
  let loading = null;

  // One piece more; false if there is none, or it cannot be had.
  function more(market, symbol, windowName) {
    if (loading && loading.market === market.chart) return loading.done;
    if (!market.loaded || !market.bars.length || market.isFromTheBegin || market.bars.length >= MOST_BARS) return Promise.resolve(false);
    const chart = market.chart;
    const done = mdstream.server.older(symbol, windowName, market.bars[0].start)
      .then((answer) => chart === market.chart && market.takeOlder(answer))
      .catch(() => false) // what is wrong is said where the newest bars come from
      .finally(() => { loading = null; });
    loading = { market: chart, done };
    return done;
  }

  // Until an instant is there.
  async function until(millis, market, symbol, windowName, draw) {
    while (market.bars.length && market.bars[0].start > millis && (await more(market, symbol, windowName))) draw();
  }

  // The shortest window that shows a span in not too many bars, of windows by name with their seconds.
  function windowFor(span, windows) {
    const names = Object.keys(windows).sort((a, b) => windows[a] - windows[b]);
    return names.find((name) => span / (windows[name] * 1000) <= MOST_OF_A_SPAN) || names[names.length - 1];
  }

  return { SPANS, more, until, windowFor };
})();
