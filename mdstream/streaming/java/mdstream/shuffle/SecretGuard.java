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
 * Lets in clients that send the secret. What others send, or fail to send, does not reach the query.
 *
 * <p>A reader's first message may come before its secret, from another thread: it is kept until then.
 */
final class SecretGuard extends StreamingShuffleServerHandler {
  private static final AttributeKey<UnverifiedClient> UNVERIFIED = AttributeKey.valueOf(SecretGuard.class, "unverified");
  private static final AttributeKey<Boolean> VERIFIED = AttributeKey.valueOf(SecretGuard.class, "verified");

  private final byte[] secret;

  SecretGuard(
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
    UnverifiedClient unverified = new UnverifiedClient(channel);
    channel.attr(UNVERIFIED).set(unverified);
    unverified.watch();
  }

  @Override
  public void receive(TransportClient client, ByteBuffer message) {
    if (isVerified(client)) {
      super.receive(client, message);
    } else {
      unverified(client).keep(message);
    }
  }

  @Override
  public void receive(TransportClient client, ByteBuffer message, RpcResponseCallback callback) {
    if (isVerified(client)) {
      super.receive(client, message, callback);
      return;
    }
    UnverifiedClient unverified = unverified(client);
    byte[] sent = new byte[message.remaining()];
    message.get(sent);
    if (!MessageDigest.isEqual(sent, secret)) {
      unverified.refuse("sent another secret");
      return;
    }
    client.getChannel().attr(VERIFIED).set(true);
    callback.onSuccess(ByteBuffer.allocate(0));
    for (ByteBuffer kept : unverified.verified()) {
      super.receive(client, kept);
    }
  }

  @Override
  public void exceptionCaught(Throwable cause, TransportClient client) {
    if (isVerified(client)) {
      super.exceptionCaught(cause, client);
    } else if (unverified(client) != null) {
      unverified(client).refuse("sent what is no message");
    }
  }

  private static boolean isVerified(TransportClient client) {
    return Boolean.TRUE.equals(client.getChannel().attr(VERIFIED).get());
  }

  private static UnverifiedClient unverified(TransportClient client) {
    return client.getChannel().attr(UNVERIFIED).get();
  }
}
