"use strict";
// Everything beside the chart: prices, anomalies, figures and what is wrong. Text is set as text, never as HTML.

window.mdstream = window.mdstream || {};

mdstream.panels = (() => {
  const MOST_ANOMALIES = 50;
  const QUIET_SECONDS = 15;
  const DELAYED_MILLIS = 5000;
  const byId = (id) => document.getElementById(id);
  const { element, wanted } = mdstream;

  const trend = (direction) => (direction > 0 ? "up" : direction < 0 ? "down" : "");

  function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  function anomalies(feed, show) {
    const newest = [...feed.values()].filter(mdstream.marks.isOfMarket).sort((a, b) => b.detected - a.detected).slice(0, MOST_ANOMALIES);
    byId("anomalies").replaceChildren(
      ...newest.map((anomaly) => {
        const row = element("button", `anomaly ${anomaly.severity}`);
        row.type = "button";
        const head = element("span", "head");
        head.append(
          element("span", "severity", anomaly.severity),
          element("span", "symbol", anomaly.symbol),
          element("span", "window", anomaly.window),
          element("span", "when", mdstream.words.moment(anomaly.start)),
        );
        row.append(head, element("span", "message", anomaly.message));
        row.title = `${anomaly.rule}: ${anomaly.message}`;
        row.addEventListener("click", () => show(anomaly));
        return row;
      }),
    );
    byId("anomalies").classList.toggle("empty", newest.length === 0);
  }

  // The line above the chart: the bar that is pointed at, else the newest.
  function quoteLine(symbol, windowName, bar, quote, decimals, isPointed) {
    const price = (value) => mdstream.words.number(value, decimals);
    const parts = [wanted("strong", "symbol", symbol), wanted("span", "window", windowName)];
    if (quote) {
      const { text, direction } = mdstream.words.change(quote.last, quote.opened);
      parts.push(wanted("strong", `last ${trend(direction)}`, price(quote.last)), wanted("span", trend(direction), text));
    }
    if (bar) {
      if (isPointed) parts.push(wanted("span", "at", mdstream.axis.moment(mdstream.axis.onAxis(bar.start))));
      const direction = trend(Math.sign(bar.close - bar.open));
      const shown = [["O", bar.open], ["H", bar.high], ["L", bar.low], ["C", bar.close], ["VWAP", bar.vwap]];
      for (const [name, value] of shown) {
        parts.push(wanted("span", "field", [`${name} `, wanted("b", direction, price(value))]));
      }
    }
    mdstream.patch(byId("quote"), parts);
  }

  function figures(status) {
    const milliseconds = (value) => (value === null ? "–" : mdstream.words.rate(value));
    const shown = [
      ["p50", milliseconds(status.p50_ms), "ms"], ["p95", milliseconds(status.p95_ms), "ms"],
      ["p99", milliseconds(status.p99_ms), "ms"], ["", mdstream.words.rate(status.ticks_per_second), "ticks/s"],
    ];
    const place = byId("figures");
    while (place.children.length < shown.length) {
      const made = element("span");
      made.append(element("i"), element("b"), element("i"));
      place.append(made);
    }
    shown.forEach((texts, i) => texts.forEach((text, j) => setText(place.children[i].children[j], text)));
  }

  function connection(status) {
    const place = byId("connection");
    const quiet = status ? status.quiet_seconds : null;
    const [state, text, title] = !status
      ? ["off", "Offline", "The dashboard does not answer"]
      : !status.live
        ? ["late", "Reconnecting", "Bars come from the database meanwhile"]
        : quiet === null
          ? ["late", "Waiting", "Connected, but no bar came yet. Is a feed running?"]
          : quiet > QUIET_SECONDS
            ? ["late", `Quiet ${Math.round(quiet)} s`, "Connected, but no bar comes. Is a feed running?"]
            : status.p50_ms > DELAYED_MILLIS
              ? ["late", `Delayed ${mdstream.words.duration(status.p50_ms)}`, "Half of the bars of the last 10 s took longer"]
              : ["live", "Live", "Bars come as they are made"];
    setText(place, text);
    place.className = state;
    place.title = title;
  }

  // `code` in a text is set as code.
  function withCode(node, text) {
    const parts = text.split("`");
    node.replaceChildren(...parts.map((part, i) => (i % 2 ? element("code", "", part) : document.createTextNode(part))));
  }

  function banner(problems) {
    const place = byId("banner");
    const texts = problems.map((problem) => problem.text);
    if (place.dataset.texts === JSON.stringify(texts)) return;
    place.dataset.texts = JSON.stringify(texts);
    place.replaceChildren(
      ...problems.map((problem) => {
        const line = element("p", "problem");
        line.dataset.problem = problem.name;
        withCode(line, problem.text);
        return line;
      }),
    );
  }

  function notice(title, text) {
    const place = byId("notice");
    place.hidden = !title;
    if (!title || place.dataset.text === title + text) return;
    place.dataset.text = title + text;
    const said = element("p");
    withCode(said, text);
    place.replaceChildren(element("h2", "", title), said);
  }

  return { anomalies, quoteLine, figures, connection, banner, notice };
})();
