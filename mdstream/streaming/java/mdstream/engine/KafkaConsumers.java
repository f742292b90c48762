package mdstream.engine;

import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * Consumers that outlive a batch: the next one of the same partitions goes on with what was fetched already.
 *
 * <p>A new consumer needs a tenth of a second to get going, in which nothing is written.
 */
final class KafkaConsumers {
  private static final long IDLE_SECONDS = 60;
  private static final Map<Key, Lease> IDLE = new ConcurrentHashMap<>();
  private static final ScheduledExecutorService CLOSER =
      Executors.newSingleThreadScheduledExecutor(
          work -> {
            Thread thread = new Thread(work, "mdstream-idle-kafka-consumers");
            thread.setDaemon(true);
            return thread;
          });

  static {
    CLOSER.scheduleWithFixedDelay(KafkaConsumers::closeIdle, IDLE_SECONDS, IDLE_SECONDS, TimeUnit.SECONDS);
  }

  private KafkaConsumers() {}

  private record Key(Map<String, Object> settings, Set<TopicPartition> partitions) {}

  /** Return a consumer that goes on at these offsets; nobody else has it until it is closed. */
  static Lease lease(Map<String, Object> settings, Map<TopicPartition, Long> offsets) {
    Key key = new Key(settings, Set.copyOf(offsets.keySet()));
    Lease idle = IDLE.remove(key);
    Lease lease = idle == null ? new Lease(key) : idle;
    lease.goOn(offsets);
    return lease;
  }

  private static void closeIdle() {
    long before = System.nanoTime() - TimeUnit.SECONDS.toNanos(IDLE_SECONDS);
    IDLE.forEach(
        (key, lease) -> {
          if (lease.since - before < 0 && IDLE.remove(key, lease)) {
            lease.consumer.close();
          }
        });
  }

  static final class Lease {
    private final Key key;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private Map<TopicPartition, Long> reached = Map.of();
    private Iterator<ConsumerRecord<byte[], byte[]>> left = Collections.emptyIterator();
    private long since;
    private boolean broken;

    private Lease(Key key) {
      this.key = key;
      consumer = new KafkaConsumer<>(new HashMap<>(key.settings));
      consumer.assign(key.partitions);
    }

    private void goOn(Map<TopicPartition, Long> offsets) {
      if (!offsets.equals(reached)) {
        left = Collections.emptyIterator();
        offsets.forEach(consumer::seek);
      }
    }

    /** Return records, at the latest after some milliseconds: none if there were none. */
    Iterator<ConsumerRecord<byte[], byte[]>> poll(long timeoutMs) {
      if (left.hasNext()) {
        Iterator<ConsumerRecord<byte[], byte[]>> first = left;
        left = Collections.emptyIterator();
        return first;
      }
      broken = true;
      Iterator<ConsumerRecord<byte[], byte[]>> records = consumer.poll(Duration.ofMillis(timeoutMs)).iterator();
      broken = false;
      return records;
    }

    /** Give it back, with what was fetched and not read. */
    void close(Map<TopicPartition, Long> offsets, Iterator<ConsumerRecord<byte[], byte[]>> unread) {
      if (broken) {
        consumer.close(Duration.ZERO);
        return;
      }
      reached = Map.copyOf(offsets);
      left = unread;
      since = System.nanoTime();
      Lease other = IDLE.put(key, this);
      if (other != null) {
        other.consumer.close();
      }
    }
  }
}
