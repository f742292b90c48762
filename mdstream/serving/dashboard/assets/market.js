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
    this.chart = {}; // another one for each chart, to tell late answers by
    this.older = 0;
    this.isFromTheBegin = false;
    this.loaded = false;
    this.starts = new Map();
    this.bars = [];
    this.anomalies = new Map();
    this.forecasts = new Map();
    this.changed = new Set();
    this.added = new Set();
    this.isWhole = true;
    this.isChanged = true;
  }

  // What changed since this was asked last: starts of bars, those of them that are new, or everything.
  changes() {
    const starts = [...this.changed].filter((start) => this.starts.has(start)).sort((a, b) => a - b);
    const changes = { whole: this.isWhole, any: this.isChanged, starts, added: [...this.added] };
    this.changed.clear();
    this.added.clear();
    this.isWhole = this.isChanged = false;
    return changes;
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
    for (const bar of chart.bars) this.put(bar);
    for (const anomaly of chart.anomalies) this.anomalies.set(mdstream.keyOf(anomaly), anomaly);
    for (const forecast of chart.forecasts) this.forecasts.set(forecast.horizon_minutes, forecast);
    if (chart.bars.length) this.sortBars();
    if (becameLoaded) this.isWhole = true;
    const isOther = becameLoaded || [chart.bars, chart.anomalies, chart.forecasts].some((part) => part.length > 0);
    this.isChanged ||= isOther;
    return { quotes: answer.quotes, anomalies: answer.feed, chart: isOther, isLoaded: becameLoaded };
  }

  // Takes bars from before those that are there; returns whether there were any.
  takeOlder(answer) {
    const bars = answer.bars.filter((bar) => !this.starts.has(bar.start));
    this.isFromTheBegin = !answer.more;
    this.older += bars.length;
    for (const bar of bars) this.put(bar);
    for (const anomaly of answer.anomalies) this.anomalies.set(mdstream.keyOf(anomaly), anomaly);
    this.sortBars();
    this.isWhole = this.isChanged = true;
    return bars.length > 0;
  }

  put(bar) {
    if (!this.starts.has(bar.start)) this.added.add(bar.start);
    this.changed.add(bar.start);
    this.starts.set(bar.start, bar);
  }

  // The oldest are let go of a few at a time: the chart is then set as a whole.
  sortBars() {
    this.bars = [...this.starts.values()].sort((a, b) => a.start - b.start);
    const most = this.capacity + this.older;
    if (this.bars.length > most * mdstream.Market.ROOM) {
      this.bars = this.bars.slice(-most);
      this.isFromTheBegin = false;
      this.isWhole = true;
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

mdstream.Market.ROOM = 1.2;

mdstream.keyOf = (anomaly) => [anomaly.symbol, anomaly.window, anomaly.start, anomaly.rule].join("|");
