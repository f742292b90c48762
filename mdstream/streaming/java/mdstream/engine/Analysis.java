package mdstream.engine;

import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import scala.Tuple3;

/**
 * Indicators and findings of revised bars.
 *
 * <p>Bars go first: a revised series waits until no tick does. Of a series that is revised again meanwhile only the newest
 * revision of its forming bar is analysed, and provisional values take no more than a share of the time; every closed bar is
 * analysed, and soon.
 */
final class Analysis implements AutoCloseable {
  private static final List<String> SEVERITIES = List.of("low", "medium", "high", "critical");
  private static final long LONGEST_CLOSING = TimeUnit.MILLISECONDS.toNanos(250);
  private static final long LONGEST_FORMING = TimeUnit.SECONDS.toNanos(5);

  /** What is done while ticks wait costs so many times as much of the time that is for it. */
  private static final long WHILE_TICKS_WAIT = 4;

  private static final int AT_ONCE = 16;

  /** One part in so many of the time is for what is done before ticks that wait, and how much of it may be saved up. */
  private static final long SHARE = 3;

  private static final long MOST_SAVED = TimeUnit.MILLISECONDS.toNanos(20);
  private static final String WITHDRAWN = "no longer so: a late trade has changed what it was found in";

  private final AnalysisPlan plan;
  private final AnalysisPlan.Full full;
  private final Topics topics;
  private final BarStore store;
  private final Indicators values;
  private final Rules.Asked rules;
  private final AnalysedRow row;
  private final AnalysisWriter json;
  private final ArrayDeque<Series> closing = new ArrayDeque<>();
  private final ArrayDeque<Series> forming = new ArrayDeque<>();
  private long saved = MOST_SAVED;
  private long savedAt = System.nanoTime();

  Analysis(AnalysisPlan.Full full, Topics topics, BarStore store, long[] lengths, String[] names) {
    this.full = full;
    this.topics = topics;
    this.store = store;
    plan = full.plan();
    values = full.indicators();
    rules = full.rules().ask();
    row = new AnalysedRow(full.columns(), lengths, names);
    List<String> columns = plan.indicators().stream().flatMap(spec -> spec.columns().stream()).toList();
    json = new AnalysisWriter(names, columns);
  }

  /** Note that a bar has changed, or has closed. */
  void note(Series series, Bar bar, boolean closed) {
    if (!closed && plan.everyMicros() < 0) {
      return;
    }
    if (series.note(bar) && !closed && series.queued) {
      full.thinned().add(1);
    }
    enqueue(series, closed);
  }

  /** Take up what was owed when the series was written. */
  void resume(SymbolBars symbol) {
    for (Series series : symbol.series) {
      if (series.owed != Series.NOTHING) {
        enqueue(series, true);
      }
    }
  }

  private void enqueue(Series series, boolean closed) {
    if (!series.queued && !series.closing) {
      series.since = System.nanoTime();
    }
    if (closed && !series.closing) {
      series.closing = true;
      closing.add(series);
    } else if (!closed && !series.queued) {
      series.queued = true;
      forming.add(series);
    }
  }

  /** Return after how many milliseconds without a tick it wants to go on; the largest number if there is nothing to do. */
  long dueMs() {
    if (!closing.isEmpty()) {
      return 0;
    }
    dropDone();
    if (forming.isEmpty()) {
      return Long.MAX_VALUE;
    }
    long left = due(forming.peek()) - System.nanoTime();
    return left <= 0 ? 0 : TimeUnit.NANOSECONDS.toMillis(left) + 1;
  }

  private void dropDone() {
    while (!forming.isEmpty() && !forming.peek().queued) {
      forming.remove();
    }
  }

  private void save(long now) {
    saved = Math.min(MOST_SAVED, saved + (now - savedAt) / SHARE);
    savedAt = now;
  }

  private long due(Series series) {
    long now = System.nanoTime();
    save(now);
    long next = series.analysed == 0 ? now : series.analysed + TimeUnit.MICROSECONDS.toNanos(plan.everyMicros());
    return saved > 0 ? next : Math.max(next, now - saved * SHARE);
  }

  /** Go on while no tick waits. */
  void whenIdle(List<Tuple3<String, byte[], byte[]>> records) {
    int left = AT_ONCE;
    for (; left > 0 && !closing.isEmpty(); left--) {
      analyse(closing.remove(), records);
    }
    for (; left > 0 && dueMs() == 0; left--) {
      spend(forming.remove(), 1, records);
    }
  }

  /** Do beside a tick what has waited too long. */
  void whenBusy(List<Tuple3<String, byte[], byte[]>> records) {
    long now = System.nanoTime();
    save(now);
    if (saved <= 0) {
      return;
    }
    if (!closing.isEmpty() && now - closing.peek().since > LONGEST_CLOSING) {
      spend(closing.remove(), WHILE_TICKS_WAIT, records);
      return;
    }
    dropDone();
    if (!forming.isEmpty() && now - forming.peek().since > LONGEST_FORMING && now >= due(forming.peek())) {
      spend(forming.remove(), WHILE_TICKS_WAIT, records);
    }
  }

  /** Do all at once. */
  void whenTold(List<Tuple3<String, byte[], byte[]>> records) {
    while (!closing.isEmpty()) {
      analyse(closing.remove(), records);
    }
    while (!forming.isEmpty()) {
      analyse(forming.remove(), records);
    }
  }

  /** Bring what has changed into the histories, and leave the rest to the next batch. */
  void settle() {
    closing.addAll(forming);
    for (Series series : closing) {
      if (series.queued || series.closing) {
        store.at(series.symbol, () -> takeChanges(series));
        series.queued = series.closing = false;
      }
    }
    closing.clear();
    forming.clear();
  }

  private void spend(Series series, long price, List<Tuple3<String, byte[], byte[]>> records) {
    long began = System.nanoTime();
    analyse(series, records);
    saved -= price * (System.nanoTime() - began);
  }

  private void analyse(Series series, List<Tuple3<String, byte[], byte[]>> records) {
    if (!series.queued && !series.closing) {
      return;
    }
    store.at(
        series.symbol,
        () -> {
          long late = firstLate(series);
          List<Bar> revised = List.copyOf(series.changed);
          takeChanges(series);
          tell(series, revised, late, records);
        });
    series.queued = series.closing = false;
    series.owed = Series.NOTHING;
    series.analysed = System.nanoTime();
  }

  private static long firstLate(Series series) {
    long first = Long.MAX_VALUE;
    for (Bar bar : series.changed) {
      if (bar.late) {
        first = Math.min(first, bar.start);
        bar.late = false;
      }
    }
    return first;
  }

  /** Take revised bars into the history, and write the chunks of those that are closed. */
  private void takeChanges(Series series) {
    store.changed(series.symbol);
    if (series.history == null) {
      readHistories(series.symbol);
    }
    BarHistory history = series.history;
    long firstChunk = history.firstChunk();
    Set<Long> written = new TreeSet<>();
    Bar open = plan.everyMicros() < 0 ? null : series.forming();
    for (Bar bar : series.changed) {
      if (history.take(bar) == BarHistory.TOO_OLD) {
        full.tooOld().add(1);
        continue;
      }
      series.owed = Math.min(series.owed, bar.start);
      if (!series.isForming(bar)) {
        written.add(history.chunkOf(bar.start));
      }
    }
    series.changed.clear();
    if (open != null) {
      history.take(open);
    }
    long before = series.forming() == null ? Long.MAX_VALUE : series.forming().start;
    for (long chunk : written) {
      store.keepChunk(series.window, history, chunk, before);
    }
    store.dropChunks(series.window, Math.min(firstChunk, history.firstChunk()), history.firstChunk());
  }

  private void readHistories(SymbolBars symbol) {
    BarHistory[] histories = store.readHistories(plan.history());
    for (Series series : symbol.series) {
      series.take(histories[series.window]);
      if (symbol.isNew) {
        dropFrom(series, series.changed.stream().mapToLong(bar -> bar.start).min().orElse(Long.MAX_VALUE));
      }
    }
    symbol.isNew = false;
  }

  /** Forget what was made elsewhere of the time from which on the ticks come: they make it anew. */
  private void dropFrom(Series series, long start) {
    BarHistory history = series.history;
    long last = history.lastChunk();
    history.truncate(start);
    if (last >= history.chunkOf(start)) {
      store.dropChunks(series.window, history.chunkOf(start), last + 1);
      store.keepChunk(series.window, history, history.chunkOf(start), start);
    }
  }

  private void tell(Series series, List<Bar> revised, long late, List<Tuple3<String, byte[], byte[]>> records) {
    BarHistory history = series.history;
    int first = history.placeOf(series.owed);
    if (history.cut) {
      first = Math.max(first, Math.min(plan.context(), history.size() - 1));
    }
    if (first >= history.size()) {
      return;
    }
    values.compute(history);
    for (int place = first; place < history.size(); place++) {
      byte[] record = json.indicators(series, place, values);
      records.add(new Tuple3<>(topics.indicators(), series.symbol.record, record));
      Bar bar = bar(series, history.start(place), revised);
      if (bar != null) {
        judge(series, bar, place, bar.start >= late, records);
      }
    }
  }

  private Bar bar(Series series, long start, List<Bar> revised) {
    for (Bar bar : revised) {
      if (bar.start == start) {
        return bar;
      }
    }
    Bar open = series.forming();
    return open != null && open.start == start ? open : store.closed(series.window, start);
  }

  private void judge(
      Series series, Bar bar, int place, boolean isLate, List<Tuple3<String, byte[], byte[]>> records) {
    boolean closed = !series.isForming(bar);
    List<Rules.Finding> found = rules.of(row.of(series, bar, place, values, bar.takeLatency()));
    if (found.isEmpty() && (bar.told == null || !isLate)) {
      return;
    }
    boolean news = false;
    for (Rules.Finding finding : found) {
      if (closed || !plan.onClose().contains(finding.rule())) {
        bar.told = bar.told == null ? new Told() : bar.told;
        if (bar.told.isNews(finding.rule(), SEVERITIES.indexOf(finding.severity()))) {
          news = true;
          records.add(record(series, bar, finding, false));
        }
      }
    }
    if (closed && isLate && bar.told != null) {
      news |= withdraw(series, bar, found, records);
    }
    if (news && closed) {
      store.keepClosed(series.window, bar);
    }
  }

  /** Withdraw what was told of a bar and does not hold any more. */
  private boolean withdraw(
      Series series, Bar bar, List<Rules.Finding> found, List<Tuple3<String, byte[], byte[]>> records) {
    Set<String> holding = found.stream().map(Rules.Finding::rule).collect(Collectors.toSet());
    boolean any = false;
    for (Iterator<Map.Entry<String, Integer>> told = bar.told.severities().entrySet().iterator(); told.hasNext(); ) {
      Map.Entry<String, Integer> entry = told.next();
      String rule = entry.getKey();
      if (!holding.contains(rule) && !plan.ofLatency().contains(rule)) {
        String severity = SEVERITIES.get(entry.getValue());
        Rules.Finding undone = new Rules.Finding(rule, severity, Double.NaN, Double.NaN, WITHDRAWN);
        records.add(record(series, bar, undone, true));
        told.remove();
        any = true;
      }
    }
    return any;
  }

  private Tuple3<String, byte[], byte[]> record(Series series, Bar bar, Rules.Finding finding, boolean withdrawn) {
    Instant now = Instant.now();
    long micros = TimeUnit.SECONDS.toMicros(now.getEpochSecond()) + now.getNano() / 1_000;
    byte[] value = json.finding(series, bar, finding, micros, withdrawn);
    return new Tuple3<>(topics.anomalies(), series.symbol.record, value);
  }

  /** Note how long a bar's newest trade took to this revision; not of one that had come to its bar before a restart. */
  void measure(Bar bar, long nowMicros) {
    if (bar.lastIngestTime > plan.judgedUntil()) {
      bar.noteLatency((nowMicros - bar.lastIngestTime) / 1_000.0);
    }
  }

  @Override
  public void close() {
    values.close();
  }
}
