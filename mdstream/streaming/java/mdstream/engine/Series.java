package mdstream.engine;

import java.util.ArrayList;
import java.util.List;

/** The bars of one symbol and window as indicators see them, and what of their changes has not been published yet. */
final class Series {
  /** Nothing is unpublished. */
  static final long NOTHING = Long.MAX_VALUE;

  final SymbolBars symbol;
  final int window;

  /** Revised bars that are not in the history yet, one object a start. */
  final List<Bar> changed = new ArrayList<>(2);

  /** The last bars; null before it was read from the state. */
  BarHistory history;

  /** Start of the first bar whose indicators have changed and have not been published. */
  long unpublished = NOTHING;

  /** Start of the first of these bars that a late trade has revised. */
  long late = NOTHING;

  /** Waits to be analysed. */
  boolean queued;

  /** Waits to be analysed, and a closed bar is among what has changed. */
  boolean closing;

  /** Since when it waits, and when it was last analysed, by {@link System#nanoTime}. */
  long since;

  long analysed;

  private boolean cut;

  Series(SymbolBars symbol, int window) {
    this.symbol = symbol;
    this.window = window;
  }

  /** The window's forming bar; null before its first tick. */
  Bar forming() {
    return symbol.forming[window];
  }

  /** Return when the first bar begins that ticks have made of it; the largest number if there is none. */
  long firstStart() {
    long first = forming() == null ? Long.MAX_VALUE : forming().start;
    for (Bar bar : changed) {
      first = Math.min(first, bar.start);
    }
    return first;
  }

  /** Whether it is in a queue. */
  boolean waits() {
    return queued || closing;
  }

  boolean isForming(Bar bar) {
    return bar == forming();
  }

  /** Note a revision; return whether it takes the place of one that was not looked at. */
  boolean note(Bar bar) {
    for (int place = 0; place < changed.size(); place++) {
      if (changed.get(place).start == bar.start) {
        changed.set(place, bar);
        return true;
      }
    }
    changed.add(bar);
    return false;
  }

  void take(BarHistory read) {
    history = read;
    history.cut |= cut;
  }

  void write(StateWriter out) {
    boolean wasCut = history == null ? cut : history.cut;
    out.number(wasCut ? 1 : 0);
    // None of them, the first, or both; what was late is among what is unpublished.
    out.number(unpublished == NOTHING ? 0 : late == NOTHING ? 1 : 2);
    if (unpublished != NOTHING) {
      out.number(unpublished);
      if (late != NOTHING) {
        out.number(late);
      }
    }
  }

  void read(StateReader in) {
    cut = in.number() == 1;
    long written = in.number();
    unpublished = written > 0 ? in.number() : NOTHING;
    late = written > 1 ? in.number() : NOTHING;
  }
}
