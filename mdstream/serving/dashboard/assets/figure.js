"use strict";
// From the market to a Plotly figure: candles, volume, and the indicators that are switched on.

window.mdstream = window.mdstream || {};

mdstream.figure = (() => {
  const SEVERITIES = ["low", "medium", "high", "critical"];
  const GAP_HOURS = 1;
  const GAP_BARS = 10;
  const RIGHT_BARS = 3;
  const FORECAST_BARS = 20;

  // Times on the axis are local ones; one offset for all of them, so that no hour comes twice.
  const OFFSET = new Date().getTimezoneOffset() * 60000;
  const onAxis = (millis) => new Date(millis - OFFSET).toISOString().slice(0, 23);
  const fromAxis = (text) => Date.parse(String(text).replace(" ", "T").slice(0, 23) + "Z") + OFFSET;

  // The panes from top to bottom with their share of the height; prices always have the largest.
  function panesOf(view) {
    const panes = [{ name: "prices", axis: "y", weight: 1 }, { name: "volume", axis: "y2", weight: 0.2 }];
    for (const study of view.studies) {
      if (!study.on_prices) panes.push({ name: study.label, axis: `y${panes.length + 1}`, weight: 0.3, study });
    }
    const gap = 0.015;
    const total = panes.reduce((sum, pane) => sum + pane.weight, 0);
    const room = 1 - gap * (panes.length - 1);
    let top = 1;
    for (const pane of panes) {
      const height = (pane.weight / total) * room;
      pane.domain = [Math.max(0, top - height), top];
      top -= height + gap;
    }
    return panes;
  }

  function visibleBars(bars, range) {
    const seen = bars.filter((bar) => bar.start >= range[0] && bar.start <= range[1]);
    return seen.length ? seen : bars.slice(-1);
  }

  // What is seen: the newest bars, or what was zoomed to.
  function rangeOf(bars, coming, view) {
    const last = bars[bars.length - 1].start;
    if (view.zoom && !view.zoom.follows) return [view.zoom.from, view.zoom.to];
    const ahead = coming.map((forecast) => (mdstream.forecasts.placeOf(forecast, view) - last) / view.windowMillis + 1);
    const room = Math.max(RIGHT_BARS, ...ahead.filter((count) => count <= FORECAST_BARS));
    const right = last + view.windowMillis * (room + 0.5);
    if (view.zoom) return [right - (view.zoom.to - view.zoom.from), right];
    const wanted = Math.max(40, Math.min(150, Math.floor(view.width / 9)));
    const shown = Math.min(bars.length, wanted);
    const missing = Math.max(0, 40 - shown) * view.windowMillis;
    return [bars[bars.length - shown].start - view.windowMillis / 2 - missing, right];
  }

  // Nights and weekends take no room.
  function breaksOf(bars, windowMillis) {
    const least = Math.max(GAP_HOURS * 3600000, GAP_BARS * windowMillis);
    const breaks = [];
    for (let i = 1; i < bars.length; i += 1) {
      const end = bars[i - 1].start + windowMillis;
      if (bars[i].start - end > least) breaks.push({ bounds: [onAxis(end), onAxis(bars[i].start)] });
    }
    return breaks;
  }

  function priceRange(seen, coming) {
    const told = coming.flatMap((forecast) => [forecast.lower, forecast.predicted_price, forecast.upper]);
    const expected = told.filter(Number.isFinite);
    const low = Math.min(...seen.map((bar) => bar.low), ...expected);
    const high = Math.max(...seen.map((bar) => bar.high), ...expected);
    const room = (high - low || high * 0.002 || 1) * 0.12;
    return [low - room, high + room];
  }

  // Plotly makes candles as wide as the closest two are apart: two far out of sight see to it that this is a window.
  function candles(bars, times, view) {
    const hidden = [1001, 1000].map((count) => onAxis(bars[0].start - count * view.windowMillis));
    const column = (name) => [bars[0].open, bars[0].open, ...bars.map((bar) => bar[name])];
    const look = (color) => ({ line: { color, width: 1 }, fillcolor: color });
    const colors = view.colors;
    return {
      type: "candlestick", name: "candles", x: [...hidden, ...times], yaxis: "y", hoverinfo: "none",
      open: column("open"), high: column("high"), low: column("low"), close: column("close"),
      increasing: look(colors.up), decreasing: look(colors.down), whiskerwidth: 0,
    };
  }

  function volume(bars, times, view) {
    const colors = view.colors;
    return {
      type: "bar", name: "volume", x: times, y: bars.map((bar) => bar.volume), yaxis: "y2", hoverinfo: "none",
      width: view.windowMillis * 0.7,
      marker: { color: bars.map((bar) => (bar.close >= bar.open ? colors.upWeak : colors.downWeak)), line: { width: 0 } },
    };
  }

  function histogram(base, values, view) {
    const colors = view.colors;
    const rises = values.map((value, i) => i === 0 || value >= values[i - 1]);
    const color = values.map((value, i) =>
      value >= 0 ? (rises[i] ? colors.up : colors.upWeak) : (rises[i] ? colors.downWeak : colors.down));
    return { ...base, type: "bar", width: view.windowMillis * 0.7, marker: { color, line: { width: 0 } } };
  }

  // The traces of one study; each line's color is kept beside it for the words in the pane.
  function studyTraces(study, axis, bars, times, view) {
    return study.lines.map((line) => {
      const values = bars.map((bar) => (bar.values.length ? bar.values[line.place] : null));
      const base = { name: line.column, x: times, y: values, yaxis: axis, hoverinfo: "none" };
      if (line.drawing === "histogram") return histogram(base, values, view);
      const limit = line.drawing === "upper" || line.drawing === "lower";
      return {
        ...base, type: "scatter", mode: "lines", connectgaps: false,
        line: { color: line.color, width: limit ? 1 : 1.4, dash: line.drawing === "dashed" ? "dot" : "solid" },
      };
    });
  }

  // The area between the limits of a band.
  function bandTrace(study, axis, bars, times, view) {
    const place = (drawing) => study.lines.find((line) => line.drawing === drawing)?.place;
    const [upper, lower] = [place("upper"), place("lower")];
    if (upper === undefined || lower === undefined) return [];
    const ready = bars.map((bar, i) => i).filter((i) => bars[i].values.length && bars[i].values[upper] !== null);
    const back = [...ready].reverse();
    return [{
      type: "scatter", mode: "none", fill: "toself", fillcolor: view.colors.band, name: "band", yaxis: axis,
      x: [...ready, ...back].map((i) => times[i]), hoverinfo: "skip",
      y: [...ready.map((i) => bars[i].values[upper]), ...back.map((i) => bars[i].values[lower])],
    }];
  }

  // One mark above each bar that has anomalies, in the color of the gravest.
  function anomalyMarks(market, view, scale) {
    const byStart = new Map();
    for (const anomaly of market.anomalies.values()) {
      if (market.starts.has(anomaly.start)) {
        byStart.set(anomaly.start, [...(byStart.get(anomaly.start) || []), anomaly]);
      }
    }
    const starts = [...byStart.keys()].sort((a, b) => a - b);
    const grave = (found) => Math.max(...found.map((anomaly) => SEVERITIES.indexOf(anomaly.severity)));
    return {
      type: "scatter", mode: "markers", name: "anomalies", yaxis: "y",
      x: starts.map(onAxis),
      y: starts.map((start) => market.starts.get(start).high + (scale[1] - scale[0]) * 0.035),
      text: starts.map((start) => byStart.get(start).map(describe).join("<br>")),
      hovertemplate: "%{text}<extra></extra>",
      marker: {
        symbol: "triangle-down", size: 10, line: { width: 1, color: view.colors.paper },
        color: starts.map((start) => view.colors[SEVERITIES[grave(byStart.get(start))]]),
      },
      hoverlabel: { bgcolor: view.colors.panel, bordercolor: view.colors.grid, font: { color: view.colors.text }, align: "left" },
    };
  }

  const plain = (text) => text.replace(/[<>&]/g, (sign) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[sign]);
  const describe = (anomaly) =>
    `<b>${plain(anomaly.rule)}</b> (${plain(anomaly.severity)})<br>${plain(anomaly.message)}`;

  // What a pane shows, in its upper left corner: names with the values of the bar that is pointed at.
  function legend(pane, studies, bar, view) {
    const words = studies.map((study) => {
      const values = study.lines.map((line) =>
        `<span style="color:${line.color}">${mdstream.words.value(bar.values.length ? bar.values[line.place] : null)}</span>`);
      return `${plain(study.label)} ${values.join(" ")}`;
    });
    const lines = [];
    const perLine = Math.max(2, Math.floor(view.width / 230));
    for (let i = 0; i < words.length; i += perLine) lines.push(words.slice(i, i + perLine).join("   "));
    return note(pane, lines.join("<br>"), view);
  }

  function note(pane, text, view) {
    return {
      xref: "paper", yref: "paper", x: 0, y: pane.domain[1], xanchor: "left", yanchor: "top", align: "left",
      showarrow: false, text, font: { size: 11, color: view.colors.weak }, bgcolor: view.colors.veil, borderpad: 2,
    };
  }

  function lastPrice(bar, view) {
    const color = bar.close >= bar.open ? view.colors.up : view.colors.down;
    return {
      line: {
        type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: bar.close, y1: bar.close,
        line: { color, width: 1, dash: "dot" },
      },
      tag: {
        xref: "paper", yref: "y", x: 1, y: bar.close, xanchor: "left", yanchor: "middle", showarrow: false,
        text: mdstream.words.number(bar.close, view.decimals), bgcolor: color, borderpad: 3,
        font: { color: "#fff", size: 12 },
      },
    };
  }

  // Of which zone the times are.
  function zone(view) {
    const minutes = -OFFSET / 60000;
    const hours = `${Math.floor(Math.abs(minutes) / 60)}${minutes % 60 ? `:${Math.abs(minutes) % 60}` : ""}`;
    return {
      xref: "paper", yref: "paper", x: 1, y: 0, xanchor: "left", yanchor: "top", xshift: 6, yshift: -5, showarrow: false,
      text: minutes ? `UTC${minutes < 0 ? "−" : "+"}${hours}` : "UTC", font: { size: 10, color: view.colors.weak },
    };
  }

  function levelLines(pane, view) {
    return pane.study.levels.map((level) => ({
      type: "line", xref: "paper", yref: pane.axis, x0: 0, x1: 1, y0: level, y1: level,
      line: { color: view.colors.weak, width: 1, dash: "dash" },
    }));
  }

  function levelBand(pane, view) {
    if (pane.study.levels.length < 2) return [];
    const [high, low] = pane.study.levels;
    return [{
      type: "rect", xref: "paper", yref: pane.axis, x0: 0, x1: 1, y0: low, y1: high,
      fillcolor: view.colors.band, line: { width: 0 }, layer: "below",
    }];
  }

  function paneRange(pane, seen) {
    if (pane.name === "volume") return [0, Math.max(...seen.map((bar) => bar.volume), 1) * 1.15];
    const places = pane.study.lines.map((line) => line.place);
    const values = seen.flatMap((bar) => places.map((place) => bar.values[place])).filter(Number.isFinite);
    values.push(...pane.study.levels);
    if (pane.study.lines.some((line) => line.drawing === "histogram")) values.push(0);
    if (!values.length) return [0, 1];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = (high - low || Math.abs(high) || 1) * 0.15;
    return [low - room, high + room];
  }

  function axes(panes, range, seen, scale, view, breaks) {
    const crosshair = {
      showspikes: true, spikemode: "across", spikesnap: "cursor", spikethickness: 1, spikedash: "dot",
      spikecolor: view.colors.weak,
    };
    const lines = { gridcolor: view.colors.grid, zeroline: false, linecolor: view.colors.grid, tickfont: { size: 11 } };
    const layout = {
      xaxis: {
        type: "date", range: range.map(onAxis), rangebreaks: breaks, anchor: panes[panes.length - 1].axis,
        rangeslider: { visible: false }, nticks: Math.max(3, Math.floor(view.width / 110)), ...lines, ...crosshair,
      },
    };
    for (const pane of panes) {
      const prices = pane.name === "prices";
      const range = prices ? scale : paneRange(pane, seen);
      const large = Math.max(...range.map(Math.abs)) >= 10000;
      layout[`yaxis${pane.axis.slice(1)}`] = {
        domain: pane.domain, side: "right", fixedrange: true, range,
        ...(pane.study && pane.study.levels.length ? { tickvals: pane.study.levels } : { nticks: prices ? 8 : 3 }),
        tickformat: prices ? `,.${view.decimals}f` : large ? "~s" : ".4~g", ...lines, ...crosshair,
      };
    }
    return layout;
  }

  // view: {studies, windowMillis, zoom, width, colors, decimals, pointed, identity}
  function build(market, view) {
    const bars = market.bars;
    const times = bars.map((bar) => onAxis(bar.start));
    const panes = panesOf(view);
    const range = rangeOf(bars, market.coming, view);
    const seen = visibleBars(bars, range);
    const coming = market.coming.filter((forecast) => mdstream.forecasts.placeOf(forecast, view) <= range[1]);
    const scale = priceRange(seen, coming);
    const last = market.lastBar;
    const pointed = market.starts.get(view.pointed) || last;
    // The indicators of a bar that has just begun come a second later.
    const studied = market.starts.get(view.pointed) || bars.findLast((bar) => bar.values.length) || last;
    const onPrices = view.studies.filter((study) => study.on_prices);
    const data = [
      ...onPrices.flatMap((study) => bandTrace(study, "y", bars, times, view)),
      candles(bars, times, view),
      volume(bars, times, view),
      ...onPrices.flatMap((study) => studyTraces(study, "y", bars, times, view)),
      ...panes.flatMap((pane) => (pane.study ? studyTraces(pane.study, pane.axis, bars, times, view) : [])),
      anomalyMarks(market, view, scale),
      mdstream.forecasts.marks(coming, view, onAxis),
    ];
    const price = lastPrice(last, view);
    const below = panes.filter((pane) => pane.study);
    const layout = {
      ...axes(panes, range, seen, scale, view, breaksOf(bars, view.windowMillis)),
      uirevision: view.identity, autosize: true, showlegend: false, dragmode: "pan", hovermode: "x", bargap: 0.25,
      hoverdistance: 40, spikedistance: -1, margin: { l: 8, r: 66, t: 4, b: 38 },
      paper_bgcolor: view.colors.paper, plot_bgcolor: view.colors.paper,
      font: { family: view.font, color: view.colors.text },
      shapes: [...below.flatMap((pane) => [...levelBand(pane, view), ...levelLines(pane, view)]), price.line],
      annotations: [
        ...(onPrices.length ? [legend(panes[0], onPrices, studied, view)] : []),
        note(panes[1], `Vol ${mdstream.words.amount(pointed.volume)}`, view),
        ...below.map((pane) => legend(pane, [pane.study], studied, view)),
        price.tag, zone(view),
      ],
    };
    return { data, layout, range };
  }

  return { build, fromAxis };
})();
