package mdstream.shuffle;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.network.protocol.OneWayMessage;
import org.apache.spark.network.protocol.RpcRequest;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A connection that has not sent the secret: it may send little, of two kinds, and soon. */
final class UnverifiedClient {
  private static final Logger LOG = LoggerFactory.getLogger(UnverifiedClient.class);

  private static final int MAX_BYTES = 4_096;
  private static final int MAX_KEPT = 4;
  private static final int MAX_AT_ONCE = 256;
  private static final long SECONDS = 60;
  private static final long LOG_NANOSECONDS = TimeUnit.MINUTES.toNanos(1);

  // Spark's name of what takes decoded messages.
  private static final String HANDLER = "handler";

  // The oldest first: readers do not stay unverified.
  private static final Deque<UnverifiedClient> PRESENT = new ArrayDeque<>();
  private static final AtomicLong REFUSED = new AtomicLong();
  private static final AtomicLong NEXT_LINE = new AtomicLong(System.nanoTime());

  // All but this is for the thread of the connection alone.
  private final Channel channel;
  private final Meter meter = new Meter();
  private final Filter filter = new Filter();
  private final List<ByteBuffer> kept = new ArrayList<>();
  private boolean isUnverified = true;

  UnverifiedClient(Channel channel) {
    this.channel = channel;
  }

  /** Check all that comes from now on. */
  void watch() {
    channel.pipeline().addFirst(meter).addBefore(HANDLER, null, filter);
    channel.closeFuture().addListener(closed -> leave());
    channel.eventLoop().schedule(() -> refuse("sent no secret in time"), SECONDS, TimeUnit.SECONDS);
    UnverifiedClient oldest;
    synchronized (PRESENT) {
      PRESENT.addLast(this);
      oldest = PRESENT.size() > MAX_AT_ONCE ? PRESENT.peekFirst() : null;
    }
    if (oldest != null) {
      oldest.channel.eventLoop().execute(() -> oldest.refuse("is one of too many"));
    }
  }

  void keep(ByteBuffer message) {
    if (kept.size() == MAX_KEPT) {
      refuse("sent no secret");
      return;
    }
    kept.add(ByteBuffer.allocate(message.remaining()).put(message).flip());
  }

  /** Return what was kept; nothing is checked any more. */
  List<ByteBuffer> verified() {
    leave();
    channel.pipeline().remove(meter);
    channel.pipeline().remove(filter);
    return kept;
  }

  void refuse(String why) {
    if (!isUnverified) {
      return;
    }
    leave();
    long refused = REFUSED.incrementAndGet();
    long due = NEXT_LINE.get();
    long now = System.nanoTime();
    if (now - due >= 0 && NEXT_LINE.compareAndSet(due, now + LOG_NANOSECONDS)) {
      LOG.warn(
          "{} {} to the port on which tasks hand rows to each other: it is refused, as were {} in all",
          channel.remoteAddress(),
          why,
          refused);
    }
    channel.close();
  }

  private void leave() {
    if (isUnverified) {
      isUnverified = false;
      synchronized (PRESENT) {
        PRESENT.remove(this);
      }
    }
  }

  /** Counts bytes before anything is made of them. */
  private final class Meter extends ChannelInboundHandlerAdapter {
    private long bytes;

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      bytes += message instanceof ByteBuf buffer ? buffer.readableBytes() : MAX_BYTES + 1;
      if (isUnverified && bytes <= MAX_BYTES) {
        context.fireChannelRead(message);
      } else {
        ReferenceCountUtil.release(message);
        refuse("sent more than a secret");
      }
    }
  }

  /** Passes on the two kinds of messages that readers send. */
  private final class Filter extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      if (isUnverified && (message instanceof RpcRequest || message instanceof OneWayMessage)) {
        context.fireChannelRead(message);
      } else {
        ReferenceCountUtil.release(message);
        refuse("sent what no reader sends");
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      refuse("sent what is no message");
    }
  }
}
