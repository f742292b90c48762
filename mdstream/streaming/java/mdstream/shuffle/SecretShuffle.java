package mdstream.shuffle;

import org.apache.spark.ShuffleDependency;
import org.apache.spark.TaskContext;
import org.apache.spark.shuffle.ShuffleHandle;
import org.apache.spark.shuffle.ShuffleReadMetricsReporter;
import org.apache.spark.shuffle.ShuffleReader;
import org.apache.spark.shuffle.ShuffleWriteMetricsReporter;
import org.apache.spark.shuffle.ShuffleWriter;
import org.apache.spark.shuffle.streaming.StreamingShuffleManager;

/**
 * Spark's streaming shuffle, whose ports know whom they talk to, and on one machine are its own.
 *
 * <p>Spark's own opens a port for each task that hands rows on, on every address, and takes whoever connects for the task
 * that reads: a few wrong bytes end the query. Here a reader sends the secret of the shuffle first, which tasks alone are
 * told. Where all tasks are in this process the port is bound to the loopback address, too.
 */
public final class SecretShuffle extends StreamingShuffleManager {

  @Override
  public <K, V, C> ShuffleHandle registerShuffle(int shuffleId, ShuffleDependency<K, V, C> dependency) {
    return new SecretHandle<>(shuffleId, dependency);
  }

  @Override
  @SuppressWarnings("unchecked")
  public <K, V> ShuffleWriter<K, V> getWriter(
      ShuffleHandle handle, long mapId, TaskContext context, ShuffleWriteMetricsReporter metrics) {
    return SecretWriter.open((SecretHandle<K, V, ?>) handle, mapId, context);
  }

  @Override
  @SuppressWarnings("unchecked")
  public <K, C> ShuffleReader<K, C> getReader(
      ShuffleHandle handle,
      int startMapIndex,
      int endMapIndex,
      int startPartition,
      int endPartition,
      TaskContext context,
      ShuffleReadMetricsReporter metrics) {
    return new SecretReader<>((SecretHandle<K, ?, C>) handle, context);
  }
}
