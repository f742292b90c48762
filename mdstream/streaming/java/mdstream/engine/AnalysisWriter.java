package mdstream.engine;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** Writes indicators and findings as the JSON of their topics. */
final class AnalysisWriter {
  private static final byte[] SYMBOL = Json.utf8("{\"symbol\":");
  private static final byte[] START = Json.utf8(",\"window_start\":");
  private static final byte[] TRADES = Json.utf8(",\"trade_count\":");
  private static final byte[] LAST_EVENT = Json.utf8(",\"last_event_time\":");
  private static final byte[] RULE = Json.utf8(",\"rule\":");
  private static final byte[] SEVERITY = Json.utf8(",\"severity\":");
  private static final byte[] VALUE = Json.utf8(",\"value\":");
  private static final byte[] THRESHOLD = Json.utf8(",\"threshold\":");
  private static final byte[] MESSAGE = Json.utf8(",\"message\":");
  private static final byte[] DETECTED = Json.utf8(",\"detected_time\":");
  private static final byte[] WITHDRAWN = Json.utf8(",\"withdrawn\":true");
  private static final byte[] DONE = Json.utf8("}");

  private final byte[][] windows;
  private final byte[][] columns;
  private final Json json = new Json();

  AnalysisWriter(String[] names, List<String> indicators) {
    windows = Json.windows(names);
    columns = new byte[indicators.size()][];
    for (int column = 0; column < columns.length; column++) {
      columns[column] = Json.utf8("," + new String(Json.quoted(indicators.get(column)), StandardCharsets.UTF_8) + ":");
    }
  }

  byte[] indicators(Series series, int place, Indicators values) {
    begin(series, series.history.start(place), series.history.trades(place), series.history.lastEvent(place));
    for (int column = 0; column < columns.length; column++) {
      number(columns[column], values.value(column, place));
    }
    return json.raw(DONE).copy();
  }

  byte[] finding(Series series, Bar bar, Rules.Finding found, long detected, boolean withdrawn) {
    begin(series, bar.start, bar.tradeCount, bar.lastEventTime);
    json.raw(RULE).raw(Json.quoted(found.rule())).raw(SEVERITY).raw(Json.quoted(found.severity()));
    number(VALUE, found.value());
    number(THRESHOLD, found.threshold());
    json.raw(MESSAGE).raw(Json.quoted(found.message())).raw(DETECTED).number(detected);
    if (withdrawn) {
      json.raw(WITHDRAWN);
    }
    return json.raw(DONE).copy();
  }

  private void begin(Series series, long start, long trades, long lastEvent) {
    json.clear();
    json.raw(SYMBOL).raw(series.symbol.quoted).raw(windows[series.window]).raw(START).number(start);
    json.raw(TRADES).number(trades).raw(LAST_EVENT).number(lastEvent);
  }

  private void number(byte[] name, double value) {
    if (!Double.isNaN(value)) {
      json.raw(name).number(value);
    }
  }
}
