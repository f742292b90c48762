"use strict";
// Anomalies on the prices: a mark where an episode of a rule begins.

window.mdstream = window.mdstream || {};

mdstream.marks = (() => {
  const SEVERITIES = ["low", "medium", "high", "critical"];
  const OF_OPERATIONS = new Set(["high_latency"]); // says how quick the servers are, nothing of a price

  const isOfMarket = (anomaly) => !anomaly.withdrawn && !OF_OPERATIONS.has(anomaly.rule);

  // By the bar where they begin. Consecutive bars of one rule are one episode, and have one mark.
  function episodes(market) {
    const places = new Map(market.bars.map((bar, place) => [bar.start, place]));
    const found = [...market.anomalies.values()].filter((anomaly) =>
      places.has(anomaly.start) && isOfMarket(anomaly));
    const key = (anomaly, before = 0) => `${anomaly.rule}|${places.get(anomaly.start) - before}`;
    const all = new Set(found.map((anomaly) => key(anomaly)));
    const byStart = new Map();
    for (const anomaly of found) {
      if (!all.has(key(anomaly, 1))) byStart.set(anomaly.start, [...(byStart.get(anomaly.start) || []), anomaly]);
    }
    return byStart;
  }

  // One mark a bar, in the color of the gravest.
  function markers(byStart, view) {
    const grave = (found) => Math.max(...found.map((anomaly) => SEVERITIES.indexOf(anomaly.severity)));
    return [...byStart.keys()].sort((a, b) => a - b).map((start) => ({
      time: mdstream.axis.onAxis(start), position: "aboveBar", shape: "arrowDown", size: 1,
      color: view.colors[SEVERITIES[grave(byStart.get(start))]] || view.colors.low,
    }));
  }

  const describe = (anomaly) => `${anomaly.rule} (${anomaly.severity}): ${anomaly.message}`;

  return { episodes, markers, describe, isOfMarket };
})();
