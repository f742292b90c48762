package mdstream.engine;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoder;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.KeyValueGroupedDataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.streaming.OutputMode;
import org.apache.spark.sql.streaming.StatefulProcessorWithInitialState;
import org.apache.spark.sql.streaming.TimeMode;
import org.apache.spark.sql.streaming.TimerValues;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple3;
import scala.collection.Iterator;

/**
 * Ticks of a symbol to the revisions of its bars in all windows, and to their indicators and findings.
 *
 * <p>A tick up to the allowed lateness behind the newest one of its own symbol revises its bar, whatever other symbols do.
 * Forming bars are in memory and written to the state once a batch where the batch's end is known (see {@link BatchEnd}), else
 * at each tick; closed bars are a row each until no tick may revise them any more.
 */
public final class LiveBars extends StatefulProcessorWithInitialState<String, Tick, Tuple3<String, byte[], byte[]>, Chunk> {
  private static final long serialVersionUID = 1L;
  private static final long SECOND = 1_000_000L;
  private static final int SYMBOLS_IN_MEMORY = 200_000;

  private final long[] lengths;
  private final String[] names;
  private final long lateness;
  private final LongAccumulator late;
  private final Topics topics;
  private final AnalysisPlan.Full plan;

  private transient BarStore store;
  private transient Map<String, SymbolBars> symbols;
  private transient boolean endIsKnown;
  private transient BatchEnd end;
  private transient BarWriter json;
  private transient Analysis analysis;
  private transient List<Map<Long, Bar>> passed;

  private LiveBars(
      long[] lengths, String[] names, long lateness, LongAccumulator late, Topics topics, AnalysisPlan.Full plan) {
    this.lengths = lengths;
    this.names = names;
    this.lateness = lateness;
    this.late = late;
    this.topics = topics;
    this.plan = plan;
  }

  /**
   * Turn ticks into revisions of bars, indicators and anomalies.
   *
   * @param ticks columns symbol and those of {@link Tick}
   * @param windows length in seconds by name, in the order in which revisions are written
   * @param latenessSeconds how far behind its symbol's newest event time a tick still revises its bar
   * @param late counts the ticks that came later
   * @param topics where the records belong
   * @param plan what is made of bars; null: nothing
   * @param histories symbol and columns of {@link Chunk}: bars from before the first tick, for a first start; null: none
   * @return columns topic, key and value
   */
  public static Dataset<Row> apply(
      Dataset<Row> ticks,
      Map<String, Number> windows,
      long latenessSeconds,
      LongAccumulator late,
      Topics topics,
      AnalysisPlan.Full plan,
      Dataset<Row> histories) {
    String[] names = windows.keySet().toArray(String[]::new);
    long[] lengths = windows.values().stream().mapToLong(seconds -> seconds.longValue() * SECOND).toArray();
    LiveBars operator = new LiveBars(lengths, names, latenessSeconds * SECOND, late, topics, plan);
    KeyValueGroupedDataset<String, Tick> bySymbol = grouped(ticks, Tick.class);
    Encoder<Tuple3<String, byte[], byte[]>> records =
        Encoders.tuple(Encoders.STRING(), Encoders.BINARY(), Encoders.BINARY());
    Dataset<Tuple3<String, byte[], byte[]>> made =
        histories == null
            ? bySymbol.transformWithState(operator, TimeMode.None(), OutputMode.Update(), records)
            : bySymbol.transformWithState(
                operator,
                TimeMode.None(),
                OutputMode.Update(),
                grouped(histories, Chunk.class),
                records,
                Encoders.bean(Chunk.class));
    return made.toDF("topic", "key", "value");
  }

  private static <T> KeyValueGroupedDataset<String, T> grouped(Dataset<Row> rows, Class<T> bean) {
    return rows.groupBy(rows.col("symbol")).as(Encoders.STRING(), Encoders.bean(bean));
  }

  @Override
  public void handleInitialState(String key, Chunk chunk, TimerValues timers) {
    store.keepChunk(chunk);
  }

  @SuppressWarnings("resource")
  @Override
  public void init(OutputMode outputMode, TimeMode timeMode) {
    store = new BarStore(getHandle(), lengths);
    symbols = null;
    endIsKnown = false;
    json = new BarWriter(lengths, names);
    analysis = plan == null ? null : new Analysis(plan, topics, store, lengths, names, getHandle().getQueryInfo());
    passed = new ArrayList<>();
    for (int window = 0; window < lengths.length; window++) {
      passed.add(new LinkedHashMap<>());
    }
  }

  @Override
  public Iterator<Tuple3<String, byte[], byte[]>> handleInputRows(
      String key, Iterator<Tick> ticks, TimerValues timers) {
    SymbolBars symbol = null;
    boolean changed = false;
    while (ticks.hasNext()) {
      Tick tick = ticks.next();
      if (tick.may(Tick.TRADE)) {
        symbol = symbol == null ? symbol(key) : symbol;
        changed |= add(symbol, tick);
      }
    }
    List<Tuple3<String, byte[], byte[]>> records = new ArrayList<>(lengths.length);
    if (changed) {
      collect(symbol, records);
      keep(symbol);
    }
    if (analysis != null) {
      analyse(changed, records);
    }
    return scala.jdk.javaapi.CollectionConverters.asScala(records.iterator());
  }

  private SymbolBars symbol(String key) {
    if (symbols == null) {
      symbols = Memory.take(getHandle().getQueryInfo());
      if (analysis != null) {
        symbols.values().forEach(analysis::resume);
      }
    }
    SymbolBars symbol = symbols.get(key);
    if (symbol == null) {
      if (symbols.size() >= SYMBOLS_IN_MEMORY) {
        settle();
        symbols = new HashMap<>();
      }
      symbol = store.read(key);
      symbols.put(key, symbol);
      if (analysis != null) {
        analysis.resume(symbol);
      }
    }
    return symbol;
  }

  private boolean add(SymbolBars symbol, Tick tick) {
    long time = tick.getEventTime();
    if (symbol.latestEventTime != Long.MIN_VALUE && time < symbol.latestEventTime - lateness) {
      late.add(1);
      return false;
    }
    symbol.latestEventTime = Math.max(symbol.latestEventTime, time);
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
        passed.get(window).put(bar.start, bar);
      }
      return symbol.forming[window] = new Bar(start);
    }
    Bar closed = passed.get(window).get(start);
    if (closed == null) {
      closed = store.closed(window, start);
      closed = closed == null ? new Bar(start) : closed;
      passed.get(window).put(start, closed);
    }
    closed.late = true;
    return closed;
  }

  private void collect(SymbolBars symbol, List<Tuple3<String, byte[], byte[]>> records) {
    long now = TimeUnit.MILLISECONDS.toMicros(System.currentTimeMillis());
    for (int window = 0; window < lengths.length; window++) {
      for (Bar bar : passed.get(window).values()) {
        revise(symbol, window, bar, true, now, records);
      }
    }
    for (int window = 0; window < lengths.length; window++) {
      revise(symbol, window, symbol.forming[window], false, now, records);
    }
  }

  private void revise(
      SymbolBars symbol, int window, Bar bar, boolean closed, long now, List<Tuple3<String, byte[], byte[]>> records) {
    boolean revised = bar.revised;
    if (revised) {
      records.add(new Tuple3<>(topics.bars(), symbol.record, json.write(symbol.quoted, window, bar)));
      bar.revised = false;
    }
    if (analysis != null && (revised || closed)) {
      if (revised) {
        analysis.measure(bar, now);
      }
      analysis.note(symbol.series[window], bar, closed);
    }
  }

  private void keep(SymbolBars symbol) {
    boolean any = false;
    for (int window = 0; window < lengths.length; window++) {
      for (Bar bar : passed.get(window).values()) {
        store.keepClosed(window, bar);
        any = true;
      }
      passed.get(window).clear();
    }
    if (any) {
      store.forget(symbol, lateness);
    }
    store.changed(symbol);
    if (!isEndTold()) {
      store.writeAll();
    } else if (end.isNear()) {
      store.writeOne();
    }
  }

  private void analyse(boolean isTick, List<Tuple3<String, byte[], byte[]>> records) {
    if (!isEndTold()) {
      analysis.whenTold(records);
      store.writeAll();
    } else if (isTick) {
      analysis.whenBusy(records);
    } else {
      analysis.whenIdle(records);
    }
  }

  /** Whether the end of the batch will be known: a source in this task is there when the first tick is. */
  private boolean isEndTold() {
    if (!endIsKnown) {
      end = BatchEnd.call(this::endBatch, () -> analysis == null ? Long.MAX_VALUE : analysis.dueMs());
      endIsKnown = true;
    }
    return end != null;
  }

  /** Bring all that is in memory into the state; called within the task. */
  private void settle() {
    if (analysis != null) {
      analysis.settle();
    }
    store.writeAll();
  }

  private void endBatch() {
    settle();
    if (symbols != null) {
      Memory.keep(getHandle().getQueryInfo(), symbols);
    }
  }

  /** Spark may close a processor more than once. */
  @Override
  public void close() {
    if (analysis != null) {
      analysis.close();
      analysis = null;
    }
  }
}
