package mdstream.engine;

/** What is kept of one symbol: its forming bar in each window, and how far its time has come. */
final class SymbolBars {
  private static final int VERSION = 1;

  /** The forming bar of each window, in the operator's order; null before the window's first tick. */
  final Bar[] forming;

  /** The newest event time, epoch microseconds: lateness counts from it. */
  long newest = Long.MIN_VALUE;

  /** Closed bars that end at or before this are gone from the state. */
  long forgotten = Long.MIN_VALUE;

  /** Changed since it was last written to the state store. */
  boolean dirty;

  SymbolBars(int windows) {
    forming = new Bar[windows];
  }

  void write(StateWriter out) {
    out.number(VERSION);
    out.number(newest);
    out.number(forgotten);
    for (Bar bar : forming) {
      out.number(bar == null ? 0 : 1);
      if (bar != null) {
        BarState.write(bar, out);
      }
    }
  }

  static SymbolBars read(byte[] bytes, int windows) {
    StateReader in = new StateReader(bytes);
    long version = in.number();
    if (version != VERSION) {
      throw new IllegalStateException("state of version " + version + ", expected " + VERSION + ": start from a new checkpoint");
    }
    SymbolBars symbol = new SymbolBars(windows);
    symbol.newest = in.number();
    symbol.forgotten = in.number();
    for (int window = 0; window < windows; window++) {
      if (in.number() == 1) {
        symbol.forming[window] = BarState.read(in);
      }
    }
    return symbol;
  }
}
