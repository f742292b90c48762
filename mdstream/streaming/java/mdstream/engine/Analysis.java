package mdstream.engine;

import java.time.Instant;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.spark.sql.streaming.QueryInfo;
import scala.Tuple3;

/** Indicators and findings of revised bars. */
final class Analysis implements AutoCloseable {
  static final List<String> SEVERITIES = List.of("low", "medium", "high", "critical");
  private static final int AT_ONCE = 16;
  private static final String WITHDRAWN = "no longer so: a late trade has changed what it was found in";

  private final AnalysisPlan plan;
  private final AnalysisPlan.Full full;
  private final Topics topics;
  private final BarStore store;
  private final Indicators values;
  private final Rules.Asked rules;
  private final PromptRules.Asked prompt;
  private final AnalysedRow row;
  private final AnalysisWriter json;
  private final AnalysisQueue queue;
  private final RaisedBefore raisedBefore;
  private final String[] names;

  Analysis(AnalysisPlan.Full full, Topics topics, BarStore store, long[] lengths, String[] names, QueryInfo query) {
    this.full = full;
    this.topics = topics;
    this.store = store;
    this.names = names;
    plan = full.plan();
    raisedBefore = RaisedBefore.of(query, plan.raised());
    queue = new AnalysisQueue(plan.everyMicros());
    values = full.indicators();
    rules = full.rules().ask();
    prompt = full.prompt() == null ? null : full.prompt().ask();
    row = new AnalysedRow(full.columns(), lengths, names);
    List<String> columns = plan.indicators().stream().flatMap(spec -> spec.columns().stream()).toList();
    json = new AnalysisWriter(names, columns);
  }

  /** Note that a bar has changed, or has closed. */
  void note(Series series, Bar bar, boolean closed) {
    if (!closed && plan.ofClosedAlone()) {
      return;
    }
    if (series.note(bar) && !closed && series.queued) {
      full.thinned().add(1);
    }
    queue.add(series, closed);
    if (prompt != null) {
      int place = series.history == null ? 0 : take(series, bar);
      if (!closed && place >= 0 && prompt.haveNews(row.withoutIndicators(series, bar, place), bar.raised)) {
        queue.hurry(series);
      }
    }
  }

  /** Take up what was unpublished when the series was written. */
  void resume(SymbolBars symbol) {
    for (Series series : symbol.series) {
      if (series.unpublished != Series.NOTHING) {
        queue.add(series, true);
      }
    }
  }

  /** Return after how many milliseconds without a tick it wants to go on; the largest number if there is nothing to do. */
  long dueMs() {
    return queue.dueMs();
  }

  /** Go on while no tick waits. */
  void whenIdle(List<Tuple3<String, byte[], byte[]>> records) {
    Series series;
    for (int left = AT_ONCE; left > 0 && (series = queue.nextWhenIdle()) != null; left--) {
      analyse(series, records);
    }
  }

  /** Do beside a tick what the next one might undo, and what has waited too long. */
  void whenBusy(List<Tuple3<String, byte[], byte[]>> records) {
    whenUrgent(records);
    Series series = queue.nextWhenBusy();
    if (series != null) {
      analyse(series, records);
    }
  }

  /** Do all at once. */
  void whenTold(List<Tuple3<String, byte[], byte[]>> records) {
    whenUrgent(records);
    for (Series series = queue.next(); series != null; series = queue.next()) {
      analyse(series, records);
    }
  }

  private void whenUrgent(List<Tuple3<String, byte[], byte[]>> records) {
    for (Series series = queue.nextUrgent(); series != null; series = queue.nextUrgent()) {
      analyse(series, records);
    }
  }

  /** Bring what has changed into the histories, and leave the rest to the next batch. */
  void settle() {
    for (Series series : queue.removeAll()) {
      store.at(series.symbol, () -> takeChanges(series));
    }
  }

  private void analyse(Series series, List<Tuple3<String, byte[], byte[]>> records) {
    long began = System.nanoTime();
    store.at(
        series.symbol,
        () -> {
          List<Bar> revised = List.copyOf(series.changed);
          takeChanges(series);
          publish(series, revised, records);
        });
    series.unpublished = Series.NOTHING;
    series.late = Series.NOTHING;
    queue.done(series, System.nanoTime() - began);
  }

  /** Take revised bars into the history, and write the chunks of those that are closed. */
  private void takeChanges(Series series) {
    store.changed(series.symbol);
    if (series.history == null) {
      readHistories(series.symbol);
    }
    BarHistory history = series.history;
    Set<Long> written = new TreeSet<>();
    for (Bar bar : series.changed) {
      if (bar.late) {
        series.late = Math.min(series.late, bar.start);
        bar.late = false;
      }
      if (take(series, bar) == BarHistory.TOO_OLD) {
        full.tooOld().add(1);
        continue;
      }
      series.unpublished = Math.min(series.unpublished, bar.start);
      if (!series.isForming(bar)) {
        written.add(history.chunkOf(bar.start));
      }
    }
    series.changed.clear();
    Bar open = series.forming();
    if (open != null && !plan.ofClosedAlone()) {
      take(series, open);
    }
    long before = open == null ? Long.MAX_VALUE : open.start;
    for (long chunk : written) {
      store.keepChunk(series.window, history, chunk, before);
    }
  }

  /** Take a bar into the history of the current symbol; return its place. */
  private int take(Series series, Bar bar) {
    BarHistory history = series.history;
    long first = history.firstChunk();
    int place = history.take(bar);
    store.dropChunks(series.window, Math.min(first, history.firstChunk()), history.firstChunk());
    return place;
  }

  private void readHistories(SymbolBars symbol) {
    BarHistory[] histories = store.readHistories(plan.history());
    for (Series series : symbol.series) {
      series.take(histories[series.window]);
      if (symbol.isNew) {
        dropFrom(series, series.firstStart());
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

  private void publish(Series series, List<Bar> revised, List<Tuple3<String, byte[], byte[]>> records) {
    BarHistory history = series.history;
    int first = history.placeOf(series.unpublished);
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
        judge(series, bar, place, bar.start >= series.late, records);
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
    boolean news = raisedBefore.recall(series.symbol.key, names[series.window], bar);
    List<Rules.Finding> found = rules.of(row.of(series, bar, place, values, bar.takeLatency()));
    if (found.isEmpty() && (bar.raised == null || !isLate) && !news) {
      return;
    }
    for (Rules.Finding finding : found) {
      if (closed || !plan.onClose().contains(finding.rule())) {
        bar.raised = bar.raised == null ? new RaisedFindings() : bar.raised;
        if (bar.raised.isNews(finding.rule(), SEVERITIES.indexOf(finding.severity()))) {
          news = true;
          records.add(record(series, bar, finding, false));
        }
      }
    }
    if (closed && isLate && bar.raised != null) {
      news |= withdraw(series, bar, found, records);
    }
    if (news && closed) {
      store.keepClosed(series.window, bar);
    }
  }

  /** Withdraw what was found of a bar and does not hold any more. */
  private boolean withdraw(
      Series series, Bar bar, List<Rules.Finding> found, List<Tuple3<String, byte[], byte[]>> records) {
    Set<String> holding = found.stream().map(Rules.Finding::rule).collect(Collectors.toSet());
    boolean any = false;
    for (Iterator<Map.Entry<String, Integer>> raised = bar.raised.severities().entrySet().iterator(); raised.hasNext(); ) {
      Map.Entry<String, Integer> entry = raised.next();
      String rule = entry.getKey();
      if (!holding.contains(rule) && !plan.ofLatency().contains(rule)) {
        String severity = SEVERITIES.get(entry.getValue());
        Rules.Finding undone = new Rules.Finding(rule, severity, Double.NaN, Double.NaN, WITHDRAWN);
        records.add(record(series, bar, undone, true));
        raised.remove();
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
