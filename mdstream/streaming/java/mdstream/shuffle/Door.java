package mdstream.shuffle;

import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import org.apache.spark.TaskContext;
import org.apache.spark.network.client.RpcResponseCallback;
import org.apache.spark.network.client.TransportClient;
import org.apache.spark.shuffle.streaming.StreamingShuffleServerHandler;
import org.apache.spark.util.ErrorNotifier;
import scala.Function2;
import scala.runtime.BoxedUnit;

/**
 * Lets in who says the secret. What others send, or fail to send, is no concern of the query.
 *
 * <p>A reader's first message may come before its secret, from another thread: it is kept until then.
 */
final class Door extends StreamingShuffleServerHandler {
  private static final AttributeKey<Stranger> STRANGER = AttributeKey.valueOf(Door.class, "stranger");
  private static final AttributeKey<Boolean> KNOWN = AttributeKey.valueOf(Door.class, "known");

  private final byte[] secret;

  Door(
      byte[] secret,
      Function2<Object, Object, BoxedUnit> onTerminationAckReceived,
      int shuffleId,
      int readers,
      TaskContext context,
      ErrorNotifier errors) {
    super(onTerminationAckReceived, shuffleId, readers, context, errors);
    this.secret = secret;
  }

  @Override
  public void channelActive(TransportClient client) {
    Channel channel = client.getChannel();
    Stranger stranger = new Stranger(channel);
    channel.attr(STRANGER).set(stranger);
    stranger.watch();
  }

  @Override
  public void receive(TransportClient client, ByteBuffer message) {
    if (isKnown(client)) {
      super.receive(client, message);
    } else {
      stranger(client).keep(message);
    }
  }

  @Override
  public void receive(TransportClient client, ByteBuffer message, RpcResponseCallback callback) {
    if (isKnown(client)) {
      super.receive(client, message, callback);
      return;
    }
    Stranger stranger = stranger(client);
    byte[] said = new byte[message.remaining()];
    message.get(said);
    if (!MessageDigest.isEqual(said, secret)) {
      stranger.refuse("said another secret");
      return;
    }
    client.getChannel().attr(KNOWN).set(true);
    callback.onSuccess(ByteBuffer.allocate(0));
    for (ByteBuffer kept : stranger.welcome()) {
      super.receive(client, kept);
    }
  }

  @Override
  public void exceptionCaught(Throwable cause, TransportClient client) {
    if (isKnown(client)) {
      super.exceptionCaught(cause, client);
    } else if (stranger(client) != null) {
      stranger(client).refuse("sent what is no message");
    }
  }

  private static boolean isKnown(TransportClient client) {
    return Boolean.TRUE.equals(client.getChannel().attr(KNOWN).get());
  }

  private static Stranger stranger(TransportClient client) {
    return client.getChannel().attr(STRANGER).get();
  }
}
