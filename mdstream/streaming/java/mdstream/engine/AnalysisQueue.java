package mdstream.engine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Series that wait to be analysed, and whose turn it is.
 *
 * <p>Bars go first: while ticks wait nothing else is done, but for what has waited too long. Series with a closed bar come before
 * those whose forming bar alone has changed, and provisional values take no more than a share of the time. Before all goes what
 * the next tick might undo: the few revisions that are anomalies by themselves.
 */
final class AnalysisQueue {
  private static final long LONGEST_CLOSING = TimeUnit.MILLISECONDS.toNanos(250);
  private static final long LONGEST_FORMING = TimeUnit.SECONDS.toNanos(5);

  /** What is done while ticks wait costs so many times as much of the time that is for it. */
  private static final long WHILE_TICKS_WAIT = 4;

  /** One part in so many of the time is for what is done before ticks that wait, and how much of it may be saved up. */
  private static final long SHARE = 3;

  private static final long MOST_SAVED = TimeUnit.MILLISECONDS.toNanos(20);

  private final long everyNanos;
  private final ArrayDeque<Series> closing = new ArrayDeque<>();
  private final ArrayDeque<Series> forming = new ArrayDeque<>();
  private final ArrayDeque<Series> urgent = new ArrayDeque<>();
  private long saved = MOST_SAVED;
  private long savedAt = System.nanoTime();
  private long price;

  /**
   * Begin without any.
   *
   * @param everyMicros least time between two provisional values of a series
   */
  AnalysisQueue(long everyMicros) {
    everyNanos = TimeUnit.MICROSECONDS.toNanos(everyMicros);
  }

  void add(Series series, boolean closed) {
    if (!series.waits()) {
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

  /** Let one that was added not wait for its turn. */
  void hurry(Series series) {
    urgent.add(series);
  }

  /** Return the next one that must be analysed before the next tick; null if there is none. */
  Series nextUrgent() {
    price = 1;
    return urgent.poll();
  }

  /** Return after how many milliseconds without a tick one is due; the largest number if none waits. */
  long dueMs() {
    dropDone();
    if (!closing.isEmpty()) {
      return 0;
    }
    if (forming.isEmpty()) {
      return Long.MAX_VALUE;
    }
    long left = due(forming.peek()) - System.nanoTime();
    return left <= 0 ? 0 : TimeUnit.NANOSECONDS.toMillis(left) + 1;
  }

  /** Return the next one while no tick waits; null if none is due. */
  Series nextWhenIdle() {
    boolean due = dueMs() == 0;
    price = closing.isEmpty() ? 1 : 0;
    return due ? head().remove() : null;
  }

  /** Return one that has waited too long, though ticks wait; null if there is none, or no time for it. */
  Series nextWhenBusy() {
    dropDone();
    price = WHILE_TICKS_WAIT;
    long now = System.nanoTime();
    save(now);
    if (saved <= 0) {
      return null;
    }
    if (!closing.isEmpty() && now - closing.peek().since > LONGEST_CLOSING) {
      return closing.remove();
    }
    boolean tooLong = !forming.isEmpty() && now - forming.peek().since > LONGEST_FORMING;
    return tooLong && now >= due(forming.peek()) ? forming.remove() : null;
  }

  /** Return the next one, due or not; null if none waits. */
  Series next() {
    dropDone();
    price = 0;
    return head().poll();
  }

  /** Return all that wait, which do so no more. */
  List<Series> removeAll() {
    List<Series> all = new ArrayList<>();
    for (Series series = next(); series != null; series = next()) {
      series.queued = series.closing = false;
      all.add(series);
    }
    return all;
  }

  /** Note that the one that was returned last has been analysed, and how long that took. */
  void done(Series series, long nanos) {
    series.queued = series.closing = false;
    series.analysed = System.nanoTime();
    saved -= price * nanos;
  }

  private ArrayDeque<Series> head() {
    return closing.isEmpty() ? forming : closing;
  }

  /** A series may stand in both queues, and was analysed when the first of them came to it. */
  private void dropDone() {
    while (!closing.isEmpty() && !closing.peek().closing) {
      closing.remove();
    }
    while (!forming.isEmpty() && !forming.peek().queued) {
      forming.remove();
    }
  }

  private long due(Series series) {
    long now = System.nanoTime();
    save(now);
    long next = series.analysed == 0 ? now : series.analysed + everyNanos;
    return saved > 0 ? next : Math.max(next, now - saved * SHARE);
  }

  private void save(long now) {
    saved = Math.min(MOST_SAVED, saved + (now - savedAt) / SHARE);
    savedAt = now;
  }
}
