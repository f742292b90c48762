package mdstream.shuffle;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import org.apache.spark.TaskContext;
import org.apache.spark.network.client.TransportClient;
import org.apache.spark.shuffle.streaming.StreamingShuffleReader;
import org.apache.spark.util.ErrorNotifier;
import scala.Option;

/** A reader that sends the secret to each writer it connects to. */
final class SecretReader<K, C> extends StreamingShuffleReader<K, C> {
  private static final long ANSWER_MILLISECONDS = 60_000;

  SecretReader(SecretHandle<K, ?, C> handle, TaskContext context) {
    super(handle, context, Option.empty(), new Errors(handle));
  }

  @Override
  @SuppressWarnings("resource") // Spark's reader closes its clients.
  public TransportClient createClient(int mapId, String host, int port) {
    SecretHandle<?, ?, ?> handle = ((Errors) errorNotifier()).handle;
    TransportClient client =
        LocalPorts.areAll()
            ? super.createClient(
                mapId, InetAddress.getLoopbackAddress().getHostAddress(), LocalPorts.await(handle.shuffleId(), mapId))
            : super.createClient(mapId, host, port);
    client.sendRpcSync(ByteBuffer.wrap(handle.secret()), ANSWER_MILLISECONDS);
    return client;
  }

  /** Brings the handle: Spark's constructor begins to connect while we have no fields yet. */
  private static final class Errors extends ErrorNotifier {
    private final SecretHandle<?, ?, ?> handle;

    private Errors(SecretHandle<?, ?, ?> handle) {
      this.handle = handle;
    }
  }
}
