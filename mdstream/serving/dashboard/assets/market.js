"use strict";
// What the page knows: the answers of the dashboard's server, put together.

window.mdstream = window.mdstream || {};

mdstream.Market = class {
  constructor(capacity) {
    this.capacity = capacity;
    this.forget();
  }

  forget() {
    this.epoch = "";
    this.version = 0;
    this.quotes = new Map();
    this.feed = new Map();
    this.status = null;
    this.clearChart();
  }

  // Another chart: everything is asked for anew, for versions say only what changed since the last answer.
  clearChart() {
    this.version = 0;
    this.loaded = false;
    this.starts = new Map();
    this.bars = [];
    this.anomalies = new Map();
    this.forecasts = new Map();
  }

  // Takes an answer; returns which parts of the page it changed.
  take(answer) {
    if (this.epoch && answer.epoch !== this.epoch) this.forget();
    this.epoch = answer.epoch;
    this.version = answer.version;
    this.status = answer.status;
    for (const quote of answer.quotes) this.quotes.set(quote.symbol, quote);
    for (const anomaly of answer.feed) this.feed.set(mdstream.keyOf(anomaly), anomaly);
    const chart = answer.chart || { loaded: false, bars: [], anomalies: [], forecasts: [] };
    const becameLoaded = chart.loaded && !this.loaded;
    this.loaded = chart.loaded;
    for (const bar of chart.bars) this.starts.set(bar.start, bar);
    for (const anomaly of chart.anomalies) this.anomalies.set(mdstream.keyOf(anomaly), anomaly);
    for (const forecast of chart.forecasts) this.forecasts.set(forecast.horizon_minutes, forecast);
    if (chart.bars.length) this.sortBars();
    return {
      quotes: answer.quotes,
      anomalies: answer.feed,
      chart: becameLoaded || [chart.bars, chart.anomalies, chart.forecasts].some((part) => part.length > 0),
    };
  }

  sortBars() {
    this.bars = [...this.starts.values()].sort((a, b) => a.start - b.start).slice(-this.capacity);
    if (this.starts.size > this.bars.length) {
      this.starts = new Map(this.bars.map((bar) => [bar.start, bar]));
      for (const [key, anomaly] of this.anomalies) {
        if (anomaly.start < this.bars[0].start) this.anomalies.delete(key);
      }
    }
  }

  // The forecasts of what is still to come, the nearest first.
  get coming() {
    const ahead = [...this.forecasts.values()].filter((forecast) => this.lastBar && forecast.target > this.lastBar.start);
    return ahead.sort((a, b) => a.target - b.target);
  }

  get lastBar() {
    return this.bars[this.bars.length - 1];
  }
};

mdstream.keyOf = (anomaly) => [anomaly.symbol, anomaly.window, anomaly.start, anomaly.rule].join("|");
