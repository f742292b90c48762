package mdstream.engine;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;

/**
 * Tells an operator that its task has read the last record of the batch, while its state can still be written.
 *
 * <p>Only a source that runs in the operator's own task can tell it. Spark itself has no such call: a stateful processor is
 * closed after its state was committed.
 */
final class BatchEnd {
  private static final Map<Long, BatchEnd> OF_TASKS = new ConcurrentHashMap<>();

  private static final long NEAR_MS = 3_000;

  private Runnable last = () -> {};
  private LongSupplier dueMs = () -> Long.MAX_VALUE;
  private long endsAtMs = Long.MAX_VALUE;

  private BatchEnd() {}

  /** Called by a source that will tell the end of its task's batch. */
  static BatchEnd ofThisTask() {
    TaskContext task = TaskContext.get();
    BatchEnd end = new BatchEnd();
    OF_TASKS.put(task.taskAttemptId(), end);
    TaskCompletionListener gone = done -> OF_TASKS.remove(done.taskAttemptId());
    task.addTaskCompletionListener(gone);
    return end;
  }

  /**
   * Have something done at the end of this task's batch, and return that end; null if nobody will tell of it.
   *
   * @param last what is done
   * @param dueMs after how many milliseconds without a record the operator wants to be called all the same
   */
  static BatchEnd call(Runnable last, LongSupplier dueMs) {
    TaskContext task = TaskContext.get();
    BatchEnd end = task == null ? null : OF_TASKS.get(task.taskAttemptId());
    if (end != null) {
      end.last = last;
      end.dueMs = dueMs;
    }
    return end;
  }

  /** Whether the batch ends soon: what can be done beforehand need not be done while everything waits. */
  boolean isNear() {
    return System.currentTimeMillis() > endsAtMs - NEAR_MS;
  }

  /** Return after how many milliseconds without a record the operator wants to be called; the largest number for never. */
  long dueMs() {
    return dueMs.getAsLong();
  }

  void isAt(long timeMs) {
    endsAtMs = timeMs;
  }

  void reached() {
    last.run();
  }
}
