"use strict";
// The indicators that are switched on: over the prices, or in panes of their own below.

window.mdstream = window.mdstream || {};

mdstream.lines = (() => {
  const { onAxis } = mdstream.axis;
  const FIRST_PANE = 2; // below prices and volume
  const SHARE = 0.3; // of the height of the prices
  const isLimit = (line) => line.drawing === "upper" || line.drawing === "lower";
  let drawn = [];

  // Takes away what was drawn and begins anew; the panes go with the last line in them.
  function rebuild(chart, view) {
    for (const { series } of drawn) chart.removeSeries(series);
    drawn = [];
    let pane = FIRST_PANE;
    for (const study of view.studies) {
      const own = study.on_prices ? 0 : pane++;
      for (const line of study.lines) drawn.push({ line, pane: own, series: added(chart, line, own, study, view) });
      if (!study.on_prices) {
        const first = drawn.find((each) => each.pane === own);
        if (first) first.levels = study.levels.map((level) => leveled(first.series, level, view));
        chart.panes()[own]?.setStretchFactor(SHARE);
      }
    }
  }

  // Dotted: what belongs to another line, as a signal, or the middle of a band, which may lie on an average.
  function isDotted(line, study) {
    return line.drawing === "dashed" || (study.lines.some(isLimit) && !isLimit(line));
  }

  function added(chart, line, pane, study, view) {
    const { LineSeries, HistogramSeries, LineStyle } = window.LightweightCharts;
    const usual = {
      color: line.color, priceLineVisible: false, lastValueVisible: false,
      autoscaleInfoProvider: (original) => withLevels(original(), study.levels),
      priceFormat: { type: "custom", minMove: 1e-8, formatter: pane === 0 ? view.price : mdstream.words.value },
    };
    if (line.drawing === "histogram") return chart.addSeries(HistogramSeries, usual, pane);
    const lineStyle = isDotted(line, study) ? LineStyle.Dotted : LineStyle.Solid;
    const lineWidth = isLimit(line) || isDotted(line, study) ? 1 : 2;
    return chart.addSeries(LineSeries, { ...usual, lineStyle, lineWidth, crosshairMarkerVisible: false }, pane);
  }

  // Levels are seen whatever the values are.
  function withLevels(found, levels) {
    if (!found || !found.priceRange || !levels.length) return found;
    const { minValue, maxValue } = found.priceRange;
    return { ...found, priceRange: { minValue: Math.min(minValue, ...levels), maxValue: Math.max(maxValue, ...levels) } };
  }

  function leveled(series, price, view) {
    const lineStyle = window.LightweightCharts.LineStyle.Dashed;
    return series.createPriceLine({ price, color: view.colors.weak, lineWidth: 1, lineStyle, axisLabelVisible: true });
  }

  const valueOf = (bar, line) => (bar.values.length ? bar.values[line.place] : null);

  function item(bar, before, line, view) {
    const value = valueOf(bar, line);
    const time = onAxis(bar.start);
    if (!Number.isFinite(value)) return { time };
    if (line.drawing !== "histogram") return { time, value };
    const last = before ? valueOf(before, line) : null;
    const rises = !Number.isFinite(last) || value >= last;
    const { up, upWeak, down, downWeak } = view.colors;
    return { time, value, color: value >= 0 ? (rises ? up : upWeak) : rises ? downWeak : down };
  }

  function setAll(bars, view) {
    for (const { line, series } of drawn) {
      const items = bars.map((bar, i) => item(bar, bars[i - 1], line, view));
      if (line.drawing !== "histogram") leaveGaps(items);
      series.setData(items);
    }
  }

  // Nothing is drawn from a value over bars without one to the next.
  function leaveGaps(items) {
    const newest = items.findLastIndex((each) => each.value !== undefined);
    for (let i = 0; i < newest; i += 1) {
      if (items[i].value !== undefined && items[i + 1].value === undefined) items[i].color = "transparent";
    }
  }

  function update(bar, before, view, isOlder) {
    for (const { line, series } of drawn) series.update(item(bar, before, line, view), isOlder);
  }

  // What is drawn, by column; null where a bar has no value.
  function shown(starts) {
    const lines = drawn.map(({ line, pane, series, levels }) => {
      const values = new Map(series.data().map((each) => [each.time, each.value]));
      return [line.column, {
        pane, color: line.color, values: starts.map((start) => values.get(onAxis(start)) ?? null),
        levels: (levels || []).map((level) => level.options().price),
      }];
    });
    return Object.fromEntries(lines);
  }

  return { rebuild, setAll, update, shown };
})();
