package mdstream.engine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.TreeMap;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.execution.streaming.operators.stateful.transformwithstate.statefulprocessor.ImplicitGroupingKeyTracker;
import org.apache.spark.sql.streaming.MapState;
import org.apache.spark.sql.streaming.StatefulProcessorHandle;
import org.apache.spark.sql.streaming.TTLConfig;
import org.apache.spark.sql.streaming.ValueState;
import scala.Option;
import scala.Tuple2;
import scala.collection.Iterator;

/**
 * The bars of all symbols in Spark's state: forming ones, closed ones until no tick may revise them any more, and the chunks of
 * the histories that indicators are computed from.
 */
final class BarStore {
  private static final long SECOND = 1_000_000L;
  private static final int WINDOW_BITS = 23;
  private static final int STEPS = 256;

  private final long[] lengths;
  private final ValueState<byte[]> forming;
  private final MapState<Long, byte[]> closed;
  private final MapState<Long, byte[]> chunks;
  private final StateWriter bytes = new StateWriter();
  private final Queue<SymbolBars> dirty = new ArrayDeque<>();

  BarStore(StatefulProcessorHandle handle, long[] lengths) {
    this.lengths = lengths;
    forming = handle.getValueState("forming", Encoders.BINARY(), TTLConfig.NONE());
    closed = handle.getMapState("closed", Encoders.LONG(), Encoders.BINARY(), TTLConfig.NONE());
    chunks = handle.getMapState("history", Encoders.LONG(), Encoders.BINARY(), TTLConfig.NONE());
  }

  /** Do something while a symbol is the state's current one, whatever the current one is now. */
  void at(SymbolBars symbol, Runnable work) {
    Option<Object> before = ImplicitGroupingKeyTracker.getImplicitKeyOption();
    if (before.isDefined()) {
      ImplicitGroupingKeyTracker.removeImplicitKey();
    }
    ImplicitGroupingKeyTracker.setImplicitKey(symbol.key);
    try {
      work.run();
    } finally {
      ImplicitGroupingKeyTracker.removeImplicitKey();
      if (before.isDefined()) {
        ImplicitGroupingKeyTracker.setImplicitKey(before.get());
      }
    }
  }

  /** Return the current symbol as it was written, or a new one. */
  SymbolBars read(String key) {
    byte[] known = forming.get();
    SymbolBars symbol =
        known == null ? new SymbolBars(key, lengths.length) : SymbolBars.read(key, known, lengths.length);
    symbol.isNew = known == null;
    return symbol;
  }

  /** Note that a symbol is to be written. */
  void changed(SymbolBars symbol) {
    if (!symbol.dirty) {
      symbol.dirty = true;
      dirty.add(symbol);
    }
  }

  /** Write one of the symbols that are to be written. */
  void writeOne() {
    SymbolBars symbol = dirty.poll();
    if (symbol != null) {
      at(symbol, () -> write(symbol));
    }
  }

  void writeAll() {
    while (!dirty.isEmpty()) {
      writeOne();
    }
  }

  private void write(SymbolBars symbol) {
    bytes.clear();
    symbol.write(bytes);
    forming.update(bytes.copy());
    symbol.dirty = false;
  }

  /** Return a closed bar of the current symbol; null if there is none. */
  Bar closed(int window, long start) {
    byte[] known = closed.getValue(place(window, start));
    return known == null ? null : BarState.read(new StateReader(known));
  }

  void keepClosed(int window, Bar bar) {
    bytes.clear();
    BarState.write(bar, bytes);
    closed.updateValue(place(window, bar.start), bytes.copy());
  }

  /** Where a closed bar is in the map: its start and its window's length in seconds. */
  private long place(int window, long start) {
    return key(start / SECOND, lengths[window]);
  }

  private static long key(long number, long length) {
    return number << WINDOW_BITS | length / SECOND;
  }

  /** Remove the current symbol's closed bars that no tick may revise any more. */
  void forget(SymbolBars symbol, long lateness) {
    long until = symbol.latestEventTime - lateness;
    for (long length : lengths) {
      // Ends of windows in (forgotten, until] are those that have come since the last time.
      long ends = Math.floorDiv(until, length);
      long steps = symbol.forgotten == Long.MIN_VALUE ? Long.MAX_VALUE : ends - Math.floorDiv(symbol.forgotten, length);
      if (steps > STEPS) {
        forgetByLooking(length, until);
      } else {
        for (long number = ends - steps; number < ends; number++) {
          closed.removeKey(key(number * (length / SECOND), length));
        }
      }
    }
    symbol.forgotten = until;
  }

  private void forgetByLooking(long length, long until) {
    List<Long> gone = new ArrayList<>();
    Iterator<Long> places = closed.keys();
    while (places.hasNext()) {
      long place = places.next();
      long seconds = secondsOf(place);
      if (seconds * SECOND == length && ((place >> WINDOW_BITS) + seconds) * SECOND <= until) {
        gone.add(place);
      }
    }
    gone.forEach(closed::removeKey);
  }

  private static long secondsOf(long place) {
    return place & (1L << WINDOW_BITS) - 1;
  }

  /** Read the current symbol's histories, one for each window. */
  BarHistory[] readHistories(int limit) {
    TreeMap<Long, byte[]> found = new TreeMap<>();
    Iterator<Tuple2<Long, byte[]>> entries = chunks.iterator();
    while (entries.hasNext()) {
      Tuple2<Long, byte[]> entry = entries.next();
      found.put(entry._1(), entry._2());
    }
    BarHistory[] histories = new BarHistory[lengths.length];
    for (int window = 0; window < lengths.length; window++) {
      histories[window] = new BarHistory(lengths[window], limit);
    }
    found.forEach(
        (place, content) -> {
          for (int window = 0; window < lengths.length; window++) {
            if (secondsOf(place) * SECOND == lengths[window]) {
              histories[window].read(content);
            }
          }
        });
    return histories;
  }

  /** Write the bars of a chunk that begin before a time. */
  void keepChunk(int window, BarHistory history, long chunk, long before) {
    byte[] content = history.chunk(chunk, before);
    if (content.length > 0) {
      chunks.updateValue(chunkPlace(window, chunk), content);
    }
  }

  /** Write a chunk of bars that were made elsewhere. */
  void keepChunk(Chunk chunk) {
    chunks.updateValue(key(chunk.getNumber(), chunk.getSeconds() * SECOND), chunk.getBars());
  }

  void dropChunks(int window, long first, long until) {
    for (long chunk = first; chunk < until; chunk++) {
      chunks.removeKey(chunkPlace(window, chunk));
    }
  }

  private long chunkPlace(int window, long chunk) {
    return key(chunk, lengths[window]);
  }
}
