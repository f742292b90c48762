"use strict";
// The words in the upper left corner of each pane: what it shows, and the values of the bar that is pointed at.

window.mdstream = window.mdstream || {};

mdstream.legend = (() => {
  const AS_NEW = 1; // the indicators of a bar that has just begun come a little later
  const SEPARATOR = 1; // pixels between two panes
  let place = null;

  function create(chart) {
    place = document.createElement("div");
    place.className = "legends";
    chart.append(place);
    const zone = document.createElement("span");
    zone.className = "zone";
    zone.textContent = mdstream.axis.zone();
    chart.append(zone);
  }

  const { wanted } = mdstream;

  function ofStudy(study, bar, stale) {
    const said = [wanted("span", "name", study.label)];
    for (const line of study.lines) {
      const value = mdstream.words.value(bar && bar.values.length ? bar.values[line.place] : null);
      said.push(wanted("b", "", value, stale ? {} : { color: line.color }));
    }
    if (stale && study.lines.some((line) => bar.values[line.place] !== null)) said.push(wanted("span", "at", mdstream.words.moment(bar.start)));
    return wanted("span", stale ? "study stale" : "study", said);
  }

  // Of a bar that is pointed at its own values; else the newest there are, with their time if they are not of now.
  function studied(market, view) {
    const pointed = market.starts.get(view.pointed);
    if (pointed) return { bar: pointed, stale: false };
    const place = market.bars.findLastIndex((bar) => bar.values.length);
    const behind = market.bars.length - 1 - place;
    return { bar: market.bars[place], stale: place >= 0 && behind > AS_NEW };
  }

  function show(panes, market, view, found) {
    const { bar, stale } = studied(market, view);
    const shown = market.starts.get(view.pointed) || market.lastBar;
    const rows = panes.map(() => []);
    for (const study of view.studies.filter((each) => each.on_prices)) rows[0].push(ofStudy(study, bar, stale));
    for (const anomaly of found) rows[0].push(wanted("span", `mark ${anomaly.severity}`, `▼ ${mdstream.marks.describe(anomaly)}`));
    rows[1]?.push(wanted("span", "study", `Vol ${shown ? mdstream.words.amount(shown.volume) : "–"}`));
    view.studies.filter((each) => !each.on_prices).forEach((study, i) => rows[i + 2]?.push(ofStudy(study, bar, stale)));
    const places = tops(panes);
    mdstream.patch(place, rows.map((words, i) => wanted("div", "legend", words, { top: `${places[i]}px` })));
  }

  // From what the chart knows: asking the page would have it laid out in the midst of a drawing.
  function tops(panes) {
    let top = 0;
    return panes.map((pane) => {
      const own = top;
      top += pane.getHeight() + SEPARATOR;
      return own;
    });
  }

  return { create, show };
})();
