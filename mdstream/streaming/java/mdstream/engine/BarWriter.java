package mdstream.engine;

import java.nio.charset.StandardCharsets;

/** Writes bars as the JSON of the topic {@code aggregated_data}. */
final class BarWriter {
  private static final byte[] SYMBOL = text("{\"symbol\":");
  private static final byte[] START = text(",\"window_start\":");
  private static final byte[] END = text(",\"window_end\":");
  private static final byte[] OPEN = text(",\"open\":");
  private static final byte[] HIGH = text(",\"high\":");
  private static final byte[] LOW = text(",\"low\":");
  private static final byte[] CLOSE = text(",\"close\":");
  private static final byte[] VOLUME = text(",\"volume\":");
  private static final byte[] VWAP = text(",\"vwap\":");
  private static final byte[] TRADES = text(",\"trade_count\":");
  private static final byte[] LAST_EVENT = text(",\"last_event_time\":");
  private static final byte[] LAST_INGEST = text(",\"last_ingest_time\":");
  private static final byte[] DONE = text("}");

  private final long[] lengths;
  private final byte[][] windows;
  private final Json json = new Json();

  BarWriter(long[] lengths, String[] names) {
    this.lengths = lengths;
    windows = new byte[names.length][];
    for (int window = 0; window < names.length; window++) {
      windows[window] = text(",\"window\":" + new String(Json.quoted(names[window]), StandardCharsets.UTF_8));
    }
  }

  byte[] write(byte[] quotedSymbol, int window, Bar bar) {
    json.clear();
    json.raw(SYMBOL).raw(quotedSymbol).raw(windows[window]);
    json.raw(START).number(bar.start).raw(END).number(bar.start + lengths[window]);
    json.raw(OPEN).number(bar.open.price).raw(HIGH).number(bar.high()).raw(LOW).number(bar.low());
    json.raw(CLOSE).number(bar.close.price).raw(VOLUME).number(bar.volume.total());
    double vwap = bar.vwap();
    if (!Double.isNaN(vwap)) {
      json.raw(VWAP).number(vwap);
    }
    json.raw(TRADES).number(bar.tradeCount);
    json.raw(LAST_EVENT).number(bar.lastEventTime).raw(LAST_INGEST).number(bar.lastIngestTime);
    return json.raw(DONE).copy();
  }

  private static byte[] text(String ascii) {
    return ascii.getBytes(StandardCharsets.UTF_8);
  }
}
