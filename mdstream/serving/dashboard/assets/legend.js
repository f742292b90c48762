"use strict";
// The words in the upper left corner of each pane: what it shows, and the values of the bar that is pointed at.

window.mdstream = window.mdstream || {};

mdstream.legend = (() => {
  const AS_NEW = 1; // the indicators of a bar that has just begun come a little later
  let place = null;
  let written = "";

  function create(chart) {
    place = document.createElement("div");
    place.className = "legends";
    chart.append(place);
    const zone = document.createElement("span");
    zone.className = "zone";
    zone.textContent = mdstream.axis.zone();
    chart.append(zone);
  }

  const { element } = mdstream;

  function ofStudy(study, bar, stale) {
    const said = element("span", stale ? "study stale" : "study");
    said.append(element("span", "name", study.label));
    for (const line of study.lines) {
      const value = element("b", "", mdstream.words.value(bar && bar.values.length ? bar.values[line.place] : null));
      value.style.color = stale ? "" : line.color;
      said.append(value);
    }
    if (stale && study.lines.some((line) => bar.values[line.place] !== null)) said.append(element("span", "at", mdstream.words.moment(bar.start)));
    return said;
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
    for (const anomaly of found) rows[0].push(element("span", `mark ${anomaly.severity}`, `▼ ${mdstream.marks.describe(anomaly)}`));
    rows[1]?.push(element("span", "study", `Vol ${shown ? mdstream.words.amount(shown.volume) : "–"}`));
    view.studies.filter((each) => !each.on_prices).forEach((study, i) => rows[i + 2]?.push(ofStudy(study, bar, stale)));
    const places = tops(panes);
    const made = rows.map((words, i) => {
      const row = element("div", "legend");
      row.style.top = `${places[i]}px`;
      row.append(...words);
      return row;
    });
    const text = made.map((row) => row.outerHTML).join();
    if (text === written) return;
    written = text;
    place.replaceChildren(...made);
  }

  const tops = (panes) => panes.map((pane) => pane.getHTMLElement()?.offsetTop ?? 0);

  return { create, show };
})();
