package mdstream.engine;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
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

  private Runnable last = () -> {};

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

  /** Have something done at the end of this task's batch; false if nobody will tell of it. */
  static boolean call(Runnable last) {
    TaskContext task = TaskContext.get();
    BatchEnd end = task == null ? null : OF_TASKS.get(task.taskAttemptId());
    if (end != null) {
      end.last = last;
    }
    return end != null;
  }

  void reached() {
    last.run();
  }
}
