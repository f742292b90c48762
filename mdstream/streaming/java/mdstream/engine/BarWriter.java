package mdstream.engine;

/** Writes bars as the JSON of the topic {@code aggregated_data}. */
final class BarWriter {
  private static final byte[] SYMBOL = Json.utf8("{\"symbol\":");
  private static final byte[] START = Json.utf8(",\"window_start\":");
  private static final byte[] END = Json.utf8(",\"window_end\":");
  private static final byte[] OPEN = Json.utf8(",\"open\":");
  private static final byte[] HIGH = Json.utf8(",\"high\":");
  private static final byte[] LOW = Json.utf8(",\"low\":");
  private static final byte[] CLOSE = Json.utf8(",\"close\":");
  private static final byte[] VOLUME = Json.utf8(",\"volume\":");
  private static final byte[] VWAP = Json.utf8(",\"vwap\":");
  private static final byte[] TRADES = Json.utf8(",\"trade_count\":");
  private static final byte[] LAST_EVENT = Json.utf8(",\"last_event_time\":");
  private static final byte[] LAST_INGEST = Json.utf8(",\"last_ingest_time\":");
  private static final byte[] DONE = Json.utf8("}");

  private final long[] lengths;
  private final byte[][] windows;
  private final Json json = new Json();

  BarWriter(long[] lengths, String[] names) {
    this.lengths = lengths;
    windows = Json.windows(names);
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
}
