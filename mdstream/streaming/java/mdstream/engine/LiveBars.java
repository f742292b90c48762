package mdstream.engine;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.execution.streaming.operators.stateful.transformwithstate.statefulprocessor.ImplicitGroupingKeyTracker;
import org.apache.spark.sql.streaming.MapState;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StatefulProcessor;
import org.apache.spark.sql.streaming.TTLConfig;
import org.apache.spark.sql.streaming.TimeMode;
import org.apache.spark.sql.streaming.TimerValues;
import org.apache.spark.sql.streaming.ValueState;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;
import scala.collection.Iterator;

/**
 * Ticks of a symbol to the revisions of its bars in all windows.
 *
 * <p>A tick up to the allowed lateness behind the newest one of its own symbol revises its bar, whatever other symbols do.
 * Forming bars are in memory and written to the state once a batch where the batch's end is told (see {@link BatchEnd}), else
 * at each tick; closed bars are a row each until no tick may revise them any more.
 */
public final class LiveBars extends StatefulProcessor<String, Tick, Tuple2<byte[], byte[]>> {
  private static final long serialVersionUID = 1L;
  private static final long SECOND = 1_000_000L;
  private static final int WINDOW_BITS = 23;
  private static final int STEPS = 256;
  private static final int SYMBOLS_IN_MEMORY = 200_000;

  private final long[] lengths;
  private final String[] names;
  private final long lateness;
  private final LongAccumulator late;

  private transient ValueState<byte[]> forming;
  private transient MapState<Long, byte[]> closed;
  private transient Map<String, SymbolBars> symbols;
  private transient Queue<String> dirty;
  private transient boolean endIsKnown;
  private transient BatchEnd end;
  private transient StateWriter state;
  private transient BarWriter json;
  private transient Map<Long, Bar> reopened;

  private LiveBars(long[] lengths, String[] names, long lateness, LongAccumulator late) {
    this.lengths = lengths;
    this.names = names;
    this.lateness = lateness;
    this.late = late;
  }

  /**
   * Turn ticks into bar revisions.
   *
   * @param ticks columns symbol and those of {@link Tick}
   * @param windows length in seconds by name, in the order in which revisions are written
   * @param latenessSeconds how far behind its symbol's newest event time a tick still revises its bar
   * @param late counts the ticks that came later
   * @return key and value of the records for {@code aggregated_data}
   */
  public static Dataset<Row> apply(
      Dataset<Row> ticks, Map<String, Number> windows, long latenessSeconds, LongAccumulator late) {
    String[] names = windows.keySet().toArray(String[]::new);
    long[] lengths = windows.values().stream().mapToLong(seconds -> seconds.longValue() * SECOND).toArray();
    return ticks
        .groupBy(ticks.col("symbol"))
        .as(Encoders.STRING(), Encoders.bean(Tick.class))
        .transformWithState(
            new LiveBars(lengths, names, latenessSeconds * SECOND, late),
            TimeMode.None(),
            OutputMode.Update(),
            Encoders.tuple(Encoders.BINARY(), Encoders.BINARY()))
        .toDF("key", "value");
  }

  @Override
  public void init(OutputMode outputMode, TimeMode timeMode) {
    forming = getHandle().getValueState("forming", Encoders.BINARY(), TTLConfig.NONE());
    closed = getHandle().getMapState("closed", Encoders.LONG(), Encoders.BINARY(), TTLConfig.NONE());
    symbols = null;
    dirty = new ArrayDeque<>();
    endIsKnown = false;
    state = new StateWriter();
    json = new BarWriter(lengths, names);
    reopened = new HashMap<>();
  }

  @Override
  public Iterator<Tuple2<byte[], byte[]>> handleInputRows(String key, Iterator<Tick> ticks, TimerValues timers) {
    SymbolBars symbol = null;
    boolean changed = false;
    while (ticks.hasNext()) {
      Tick tick = ticks.next();
      if (tick.may(Tick.TRADE)) {
        symbol = symbol == null ? symbol(key) : symbol;
        changed |= add(symbol, tick);
      }
    }
    List<Tuple2<byte[], byte[]>> revisions = new ArrayList<>(lengths.length);
    if (changed) {
      collect(key, symbol, revisions);
      keep(key, symbol);
    }
    return scala.jdk.javaapi.CollectionConverters.asScala(revisions.iterator());
  }

  private SymbolBars symbol(String key) {
    if (symbols == null) {
      symbols = Memory.take(getHandle().getQueryInfo());
    }
    SymbolBars symbol = symbols.get(key);
    if (symbol == null) {
      if (symbols.size() >= SYMBOLS_IN_MEMORY) {
        makeRoom(key);
      }
      byte[] known = forming.get();
      symbol = known == null ? new SymbolBars(lengths.length) : SymbolBars.read(known, lengths.length);
      symbols.put(key, symbol);
    }
    return symbol;
  }

  private boolean add(SymbolBars symbol, Tick tick) {
    long time = tick.getEventTime();
    if (symbol.newest != Long.MIN_VALUE && time < symbol.newest - lateness) {
      late.add(1);
      return false;
    }
    symbol.newest = Math.max(symbol.newest, time);
    for (int window = 0; window < lengths.length; window++) {
      bar(symbol, window, time - Math.floorMod(time, lengths[window])).add(tick);
    }
    return true;
  }

  /** Return the bar of a window that begins at `start`: the forming one, which may be new, or a closed one. */
  private Bar bar(SymbolBars symbol, int window, long start) {
    Bar bar = symbol.forming[window];
    if (bar != null && start == bar.start) {
      return bar;
    }
    if (bar == null || start > bar.start) {
      if (bar != null) {
        reopened.put(place(window, bar.start), bar);
      }
      return symbol.forming[window] = new Bar(start);
    }
    return reopened.computeIfAbsent(
        place(window, start),
        place -> {
          byte[] known = closed.getValue(place);
          return known == null ? new Bar(start) : BarState.read(new StateReader(known));
        });
  }

  /** Where a closed bar is in the map: its start and its window's length in seconds. */
  private long place(int window, long start) {
    return start / SECOND << WINDOW_BITS | lengths[window] / SECOND;
  }

  private void collect(String key, SymbolBars symbol, List<Tuple2<byte[], byte[]>> revisions) {
    byte[] record = key.getBytes(StandardCharsets.UTF_8);
    byte[] quoted = Json.quoted(key);
    for (Map.Entry<Long, Bar> entry : reopened.entrySet()) {
      int window = window(entry.getKey() & (1L << WINDOW_BITS) - 1);
      revise(record, quoted, window, entry.getValue(), revisions);
    }
    for (int window = 0; window < lengths.length; window++) {
      revise(record, quoted, window, symbol.forming[window], revisions);
    }
  }

  private void revise(
      byte[] record, byte[] quoted, int window, Bar bar, List<Tuple2<byte[], byte[]>> revisions) {
    if (bar.revised) {
      revisions.add(new Tuple2<>(record, json.write(quoted, window, bar)));
      bar.revised = false;
    }
  }

  private int window(long seconds) {
    int window = 0;
    while (lengths[window] != seconds * SECOND) {
      window++;
    }
    return window;
  }

  private void keep(String key, SymbolBars symbol) {
    if (!reopened.isEmpty()) {
      for (Map.Entry<Long, Bar> entry : reopened.entrySet()) {
        state.clear();
        BarState.write(entry.getValue(), state);
        closed.updateValue(entry.getKey(), state.copy());
      }
      reopened.clear();
      forget(symbol);
    }
    if (!isEndTold()) {
      write(symbol);
      return;
    }
    if (!symbol.dirty) {
      symbol.dirty = true;
      dirty.add(key);
    }
    if (end.isNear()) {
      ImplicitGroupingKeyTracker.removeImplicitKey();
      writeAway(dirty.remove());
      ImplicitGroupingKeyTracker.setImplicitKey(key);
    }
  }

  /** Remove closed bars that no tick may revise any more. */
  private void forget(SymbolBars symbol) {
    long until = symbol.newest - lateness;
    for (long length : lengths) {
      // Ends of windows in (forgotten, until] are those that have come since the last time.
      long ends = Math.floorDiv(until, length);
      long steps = symbol.forgotten == Long.MIN_VALUE ? Long.MAX_VALUE : ends - Math.floorDiv(symbol.forgotten, length);
      if (steps > STEPS) {
        forgetByLooking(length, until);
      } else {
        for (long number = ends - steps; number < ends; number++) {
          closed.removeKey(number * (length / SECOND) << WINDOW_BITS | length / SECOND);
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
      long seconds = place & (1L << WINDOW_BITS) - 1;
      if (seconds * SECOND == length && ((place >> WINDOW_BITS) + seconds) * SECOND <= until) {
        gone.add(place);
      }
    }
    gone.forEach(closed::removeKey);
  }

  /** Whether the end of the batch will be told: a source in this task is there when the first tick is. */
  private boolean isEndTold() {
    if (!endIsKnown) {
      end = BatchEnd.call(this::endBatch);
      endIsKnown = true;
    }
    return end != null;
  }

  private void write(SymbolBars symbol) {
    state.clear();
    symbol.write(state);
    forming.update(state.copy());
    symbol.dirty = false;
  }

  /** Write the symbols that have changed; called within the task, when no symbol is the state's current one. */
  private void writeDirty() {
    while (!dirty.isEmpty()) {
      writeAway(dirty.remove());
    }
  }

  private void writeAway(String key) {
    ImplicitGroupingKeyTracker.setImplicitKey(key);
    write(symbols.get(key));
    ImplicitGroupingKeyTracker.removeImplicitKey();
  }

  private void endBatch() {
    writeDirty();
    Memory.keep(getHandle().getQueryInfo(), symbols);
  }

  /** Make room where there are more symbols than memory is meant for. */
  private void makeRoom(String key) {
    ImplicitGroupingKeyTracker.removeImplicitKey();
    writeDirty();
    symbols = new HashMap<>();
    ImplicitGroupingKeyTracker.setImplicitKey(key);
  }
}
