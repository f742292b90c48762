package mdstream.shuffle;

import java.net.InetAddress;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.network.TransportContext;
import org.apache.spark.network.netty.SparkTransportConf;
import org.apache.spark.network.server.TransportServer;
import org.apache.spark.shuffle.streaming.StreamingShuffleWriter;
import org.apache.spark.util.ErrorNotifier;
import org.apache.spark.util.TaskCompletionListener;
import scala.Option;
import scala.runtime.BoxedUnit;

/** A writer that hands rows to readers alone, and on one machine listens on the loopback address alone. */
final class SecretWriter<K, V> extends StreamingShuffleWriter<K, V> {

  /** Return a writer with its ports open. */
  static <K, V> SecretWriter<K, V> open(SecretHandle<K, V, ?> handle, long mapId, TaskContext context) {
    AtomicReference<SecretWriter<K, V>> writer = new AtomicReference<>();
    ErrorNotifier errors = new ErrorNotifier();
    SecretGuard door =
        new SecretGuard(
            handle.secret(),
            (reader, number) -> {
              writer.get().onTerminationAckReceived((Integer) reader, (Long) number);
              return BoxedUnit.UNIT;
            },
            handle.shuffleId(),
            handle.dependency().partitioner().numPartitions(),
            context,
            errors);
    writer.set(new SecretWriter<>(handle, mapId, context, door, errors));
    return writer.get();
  }

  private SecretWriter(
      SecretHandle<K, V, ?> handle, long mapId, TaskContext context, SecretGuard door, ErrorNotifier errors) {
    super(handle, mapId, context, Option.apply(door), errors);
    if (LocalPorts.areAll()) {
      moveToLoopback(handle.shuffleId(), mapId, context, door);
    }
  }

  /** Listen on the loopback address instead of all: Spark's writer knows no other way than all. */
  @SuppressWarnings("resource") // Closed with the task, as Spark's own are.
  private void moveToLoopback(int shuffleId, long mapId, TaskContext context, SecretGuard door) {
    SparkConf conf = SparkEnv.get().conf();
    String name = "streaming-shuffle-writer-" + shuffleId + "-" + context.partitionId();
    TransportServer own =
        new TransportContext(SparkTransportConf.fromSparkConf(conf, name, 0, Option.empty(), Option.empty()), door)
            .createServer(InetAddress.getLoopbackAddress().getHostAddress(), 0, List.of());
    TaskCompletionListener close =
        ended -> {
          LocalPorts.remove(shuffleId, mapId);
          own.close();
        };
    context.addTaskCompletionListener(close);
    server().channelFuture().channel().close().syncUninterruptibly();
    LocalPorts.put(shuffleId, mapId, own.getPort());
  }
}
