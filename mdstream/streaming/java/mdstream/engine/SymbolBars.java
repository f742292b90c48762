package mdstream.engine;

import java.nio.charset.StandardCharsets;

/** What is kept of one symbol: its forming bar in each window, how far its time has come, and what is computed of it. */
final class SymbolBars {
  private static final int VERSION = 2;

  final String key;

  /** The key as records have it. */
  final byte[] record;

  /** The key as JSON has it. */
  final byte[] quoted;

  /** The forming bar of each window, in the operator's order; null before the window's first tick. */
  final Bar[] forming;

  /** What is computed of the bars of each window. */
  final Series[] series;

  /** The latest event time, epoch microseconds: lateness counts from it. */
  long latestEventTime = Long.MIN_VALUE;

  /** Closed bars that end at or before this are gone from the state. */
  long forgotten = Long.MIN_VALUE;

  /** Was not in the state: what is in its histories was made elsewhere. */
  boolean isNew;

  /** Changed since it was last written to the state store. */
  boolean dirty;

  SymbolBars(String key, int windows) {
    this.key = key;
    record = key.getBytes(StandardCharsets.UTF_8);
    quoted = Json.quoted(key);
    forming = new Bar[windows];
    series = new Series[windows];
    for (int window = 0; window < windows; window++) {
      series[window] = new Series(this, window);
    }
  }

  void write(StateWriter out) {
    out.number(VERSION);
    out.number(latestEventTime);
    out.number(forgotten);
    for (int window = 0; window < forming.length; window++) {
      Bar bar = forming[window];
      out.number(bar == null ? 0 : 1);
      if (bar != null) {
        BarState.write(bar, out);
      }
      series[window].write(out);
    }
  }

  static SymbolBars read(String key, byte[] bytes, int windows) {
    StateReader in = new StateReader(bytes);
    long version = in.number();
    if (version != VERSION) {
      throw new IllegalStateException("state of version " + version + ", expected " + VERSION + ": start from a new checkpoint");
    }
    SymbolBars symbol = new SymbolBars(key, windows);
    symbol.latestEventTime = in.number();
    symbol.forgotten = in.number();
    for (int window = 0; window < windows; window++) {
      if (in.number() == 1) {
        symbol.forming[window] = BarState.read(in);
      }
      symbol.series[window].read(in);
    }
    return symbol;
  }
}
