"use strict";
// Times on the chart's axis: local ones, on a clock of 24 hours.

window.mdstream = window.mdstream || {};

mdstream.axis = (() => {
  // The chart knows one zone, UTC. One offset for all times, so that no hour comes twice.
  const OFFSET = new Date().getTimezoneOffset() * 60;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const [YEAR, MONTH, DAY, , SECONDS] = [0, 1, 2, 3, 4]; // what a mark of the axis begins

  const onAxis = (millis) => millis / 1000 - OFFSET;
  const fromAxis = (seconds) => (seconds + OFFSET) * 1000;
  const two = (number) => String(number).padStart(2, "0");

  function clock(at, seconds) {
    const minutes = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
    return seconds ? `${minutes}:${two(at.getUTCSeconds())}` : minutes;
  }

  function mark(time, kind) {
    const at = new Date(time * 1000);
    if (kind === YEAR) return String(at.getUTCFullYear());
    if (kind === MONTH) return MONTHS[at.getUTCMonth()];
    if (kind === DAY) return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
    return clock(at, kind === SECONDS);
  }

  // The whole of it, for what is pointed at.
  function moment(time) {
    const at = new Date(time * 1000);
    const day = `${DAYS[at.getUTCDay()]} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
    return `${day} ${clock(at, at.getUTCSeconds() !== 0)}`;
  }

  // Of which zone the times are.
  function zone() {
    const minutes = -OFFSET / 60;
    const hours = `${Math.floor(Math.abs(minutes) / 60)}${minutes % 60 ? `:${two(Math.abs(minutes) % 60)}` : ""}`;
    return minutes ? `UTC${minutes < 0 ? "−" : "+"}${hours}` : "UTC";
  }

  return { onAxis, fromAxis, mark, moment, zone };
})();
