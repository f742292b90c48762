"use strict";
// Numbers and times as people read them.

window.mdstream = window.mdstream || {};

// A formatter takes longer to be made than to write a hundred numbers.
mdstream.formats = new Map();
mdstream.formatOf = (options, kind = Intl.NumberFormat, locale = "en-US") => {
  const key = `${kind.name} ${JSON.stringify(options)}`;
  if (!mdstream.formats.has(key)) mdstream.formats.set(key, new kind(locale, options));
  return mdstream.formats.get(key);
};

mdstream.words = {
  // Decimals that prices are written with: as many as the prices have, at least two; of six significant digits.
  decimalsOf(prices) {
    const lengths = prices.map((price) => {
      const [digits, exponent] = String(price).split("e");
      const has = (digits.split(".")[1] || "").length - Number(exponent || 0);
      const size = price ? Math.floor(Math.log10(Math.abs(price))) : 0;
      return Math.min(has, Math.max(2, 5 - size));
    });
    return Math.min(18, Math.max(2, ...lengths));
  },

  number(value, decimals) {
    if (value === null || value === undefined) return "–";
    return mdstream.formatOf({ minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(value);
  },

  // Values of indicators, whose size says how many decimals matter.
  value(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    const small = size ? 3 - Math.floor(Math.log10(size)) : 4;
    return mdstream.words.number(value, size >= 1 ? 2 : size >= 0.01 || size === 0 ? 4 : Math.min(18, Math.max(6, small)));
  },

  amount(value) {
    const digits = value > 0 && value < 1 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 1 };
    return mdstream.formatOf({ notation: "compact", ...digits }).format(value);
  },

  change(last, opened) {
    const percent = opened ? ((last - opened) / opened) * 100 : 0;
    const sign = percent > 0 ? "+" : percent < 0 ? "−" : "";
    return { text: `${sign}${Math.abs(percent).toFixed(2)} %`, direction: Math.sign(percent) };
  },

  // A difference of prices, with its sign.
  difference(value, decimals) {
    const sign = value > 0 ? "+" : value < 0 ? "−" : "";
    return sign + mdstream.words.number(Math.abs(value), decimals);
  },

  time(millis) {
    const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    return mdstream.formatOf(clock, Intl.DateTimeFormat, []).format(millis);
  },

  moment(millis) {
    const sameDay = new Date(millis).toDateString() === new Date().toDateString();
    const day = sameDay ? {} : { month: "short", day: "numeric" };
    return mdstream.formatOf({ ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }, Intl.DateTimeFormat, []).format(millis);
  },

  duration(millis) {
    const seconds = millis / 1000;
    const [size, unit] = seconds < 120 ? [1, "s"] : seconds < 7200 ? [60, "min"] : [3600, "h"];
    return `${Math.round(seconds / size)} ${unit}`;
  },

  rate(value) {
    return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(value >= 10 ? 0 : 1);
  },
};
