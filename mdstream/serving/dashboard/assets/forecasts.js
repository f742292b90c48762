"use strict";
// What is expected next, on the prices of the chart, ahead of the newest bar.

window.mdstream = window.mdstream || {};

mdstream.forecasts = (() => {
  const WHISKER = 3;
  const DIAMOND = 4;

  // A forecast stands over the bar whose close it is of.
  const placeOf = (forecast, view) => forecast.target - view.windowMillis;
  const barsAhead = (forecast, market, view) => (placeOf(forecast, view) - market.lastBar.start) / view.windowMillis;

  // How many bars of room they need to the right of the newest; those behind `most` are found by dragging.
  function room(market, view, most) {
    return Math.max(0, ...market.coming.map((each) => barsAhead(each, market, view)).filter((bars) => bars <= most));
  }

  function words(forecast, view) {
    const interval = Number.isFinite(forecast.lower) ? ` (${view.price(forecast.lower)} to ${view.price(forecast.upper)})` : "";
    const model = forecast.relative_mae === null
      ? "no model: the last price"
      : `relative MAE ${forecast.relative_mae.toFixed(4)}, ${forecast.beats_naive ? "" : "not "}better than the last price`;
    return `${mdstream.words.time(forecast.target)} ${view.price(forecast.predicted_price)}${interval}, ` +
      `last price ${view.price(forecast.naive_price)}, ${model}`;
  }

  // A primitive of the chart's library: it has no point in time ahead of the bars, so this draws by itself.
  class Drawing {
    constructor() {
      this.points = [];
    }

    attached({ chart, series, requestUpdate }) {
      Object.assign(this, { chart, series, requestUpdate });
    }

    // Grey where the model was not better than the last price.
    show(market, view) {
      const last = market.bars.length - 1;
      const far = (price) => (Number.isFinite(price) ? price : null);
      this.colors = view.colors;
      const before = JSON.stringify(this.points);
      this.points = market.coming.map((forecast) => ({
        at: placeOf(forecast, view), logical: last + barsAhead(forecast, market, view),
        price: forecast.predicted_price, lower: far(forecast.lower), upper: far(forecast.upper),
        color: forecast.beats_naive ? view.colors.text : view.colors.weak,
        label: `${forecast.horizon_minutes} min`, words: words(forecast, view),
      }));
      // This has everything laid out anew; what is there already is drawn again with the bars.
      if (JSON.stringify(this.points) !== before) this.requestUpdate();
    }

    autoscaleInfo(from, to) {
      const seen = this.points.filter((point) => point.logical >= from && point.logical <= to);
      if (!seen.length) return null;
      const prices = seen.flatMap((point) => [point.price, point.lower ?? point.price, point.upper ?? point.price]);
      return { priceRange: { minValue: Math.min(...prices), maxValue: Math.max(...prices) } };
    }

    paneViews() {
      return [{ zOrder: () => "top", renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace(({ context }) => this.draw(context)) }) }];
    }

    draw(context) {
      const scale = this.chart.timeScale();
      context.font = `10px ${getComputedStyle(document.body).fontFamily}`;
      context.lineWidth = 1;
      for (const point of this.points) {
        const x = scale.logicalToCoordinate(point.logical);
        const [y, low, high] = [point.price, point.lower, point.upper].map((price) =>
          price === null ? null : this.series.priceToCoordinate(price));
        if (x === null || y === null) continue;
        context.strokeStyle = this.colors.weak;
        if (low !== null && high !== null) whiskers(context, x, high, low);
        context.fillStyle = point.color;
        diamond(context, x, y);
        context.fillStyle = this.colors.weak;
        context.fillText(point.label, x + DIAMOND + 2, y - DIAMOND);
      }
    }
  }

  function whiskers(context, x, high, low) {
    context.beginPath();
    for (const [fromX, fromY, toX, toY] of [[x, high, x, low], [x - WHISKER, high, x + WHISKER, high], [x - WHISKER, low, x + WHISKER, low]]) {
      context.moveTo(fromX, fromY);
      context.lineTo(toX, toY);
    }
    context.stroke();
  }

  function diamond(context, x, y) {
    context.beginPath();
    context.moveTo(x, y - DIAMOND);
    for (const [toX, toY] of [[x + DIAMOND, y], [x, y + DIAMOND], [x - DIAMOND, y]]) context.lineTo(toX, toY);
    context.fill();
  }

  return { Drawing, room };
})();
