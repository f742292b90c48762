"use strict";
// What is expected next, on the prices of the chart.

window.mdstream = window.mdstream || {};

mdstream.forecasts = (() => {
  // A forecast stands over the bar whose close it is of.
  const placeOf = (forecast, view) => forecast.target - view.windowMillis;

  // Each forecast with its interval; grey where its model was not better than the last price.
  function marks(coming, view, onAxis) {
    const color = coming.map((forecast) => (forecast.beats_naive ? view.colors.text : view.colors.weak));
    const width = (end) => coming.map((forecast) =>
      Number.isFinite(forecast[end]) ? Math.abs(forecast[end] - forecast.predicted_price) : 0);
    return {
      type: "scatter", mode: "markers+text", name: "forecasts", yaxis: "y",
      x: coming.map((forecast) => onAxis(placeOf(forecast, view))),
      y: coming.map((forecast) => forecast.predicted_price),
      error_y: { type: "data", symmetric: false, array: width("upper"), arrayminus: width("lower"), color: view.colors.weak, thickness: 1 },
      text: coming.map((forecast) => `${forecast.horizon_minutes} min`), textposition: "top right",
      textfont: { size: 10, color: view.colors.weak },
      hovertext: coming.map((forecast) => foretell(forecast, view)), hovertemplate: "%{hovertext}<extra></extra>",
      marker: { symbol: "diamond", size: 8, color, line: { width: 1, color: view.colors.paper } },
      hoverlabel: { bgcolor: view.colors.panel, bordercolor: view.colors.grid, font: { color: view.colors.text }, align: "left" },
    };
  }

  function foretell(forecast, view) {
    const price = (value) => mdstream.words.number(value, view.decimals);
    const interval = Number.isFinite(forecast.lower) ? ` (${price(forecast.lower)} to ${price(forecast.upper)})` : "";
    const model = forecast.relative_mae === null
      ? "no model: the last price"
      : `relative MAE ${forecast.relative_mae.toFixed(4)}, ${forecast.beats_naive ? "" : "not "}better than the last price`;
    return `<b>forecast for ${mdstream.words.time(forecast.target)}</b><br>${price(forecast.predicted_price)}${interval}` +
      `<br>last price ${price(forecast.naive_price)}<br>${model}`;
  }

  return { placeOf, marks };
})();
