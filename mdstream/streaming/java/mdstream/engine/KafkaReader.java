package mdstream.engine;

import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.connector.read.streaming.PartitionOffset;
import org.apache.spark.sql.connector.read.streaming.SupportsRealTimeRead;
import org.apache.spark.sql.kafka010.KafkaBatchInputPartition;
import org.apache.spark.sql.kafka010.KafkaSourcePartitionOffset;
import org.apache.spark.unsafe.types.UTF8String;

/** Reads several partitions with one consumer: one request brings what all of them have. */
final class KafkaReader implements SupportsRealTimeRead<InternalRow> {
  private static final long MICROSECONDS = 1_000;

  /** A record without a value, which is not a tick: it calls the operator where there is none. */
  private static final InternalRow NOTHING =
      new GenericInternalRow(new Object[] {null, null, UTF8String.EMPTY_UTF8, -1, -1L, 0L, 0, null});

  private final KafkaConsumers.Lease consumer;
  private final Map<TopicPartition, Long> next = new HashMap<>();
  private final Map<String, UTF8String> topics = new HashMap<>();
  private final TickReader ticks;
  private final BatchEnd end = BatchEnd.ofThisTask();
  private Iterator<ConsumerRecord<byte[], byte[]>> fetched = Collections.emptyIterator();
  private InternalRow row;

  KafkaReader(KafkaPartitions partitions) {
    for (KafkaBatchInputPartition part : partitions.parts()) {
      next.put(part.offsetRange().topicPartition(), part.offsetRange().fromOffset());
    }
    ticks = partitions.ticks() == null ? null : new TickReader(partitions.ticks(), partitions.limits());
    consumer = KafkaConsumers.lease(partitions.consumerSettings(), next);
  }

  @Override
  public RecordStatus nextWithTimeout(Long startTimeMs, Long timeoutMs) {
    if (!fetched.hasNext()) {
      end.isAt(startTimeMs + timeoutMs);
      long dueMs = end.dueMs();
      fetched = consumer.poll(Math.min(timeoutMs, dueMs));
      if (!fetched.hasNext() && dueMs < timeoutMs) {
        row = NOTHING;
        return RecordStatus.newStatusWithoutArrivalTime(true);
      }
    }
    if (!fetched.hasNext()) {
      return RecordStatus.newStatusWithoutArrivalTime(false);
    }
    ConsumerRecord<byte[], byte[]> record = fetched.next();
    row = rowOf(record);
    next.put(new TopicPartition(record.topic(), record.partition()), record.offset() + 1);
    return RecordStatus.newStatusWithArrivalTimeMs(record.timestamp());
  }

  /** Return the columns of Spark's Kafka source, and the tick where it was asked for and can be read here. */
  private InternalRow rowOf(ConsumerRecord<byte[], byte[]> record) {
    Object[] columns = {
      record.key(),
      record.value(),
      topics.computeIfAbsent(record.topic(), UTF8String::fromString),
      record.partition(),
      record.offset(),
      record.timestamp() * MICROSECONDS,
      record.timestampType().id,
      ticks == null ? null : ticks.read(record.value())
    };
    return new GenericInternalRow(columns);
  }

  /** What Spark 4.3 has beside the other, and 4.2 has not. */
  public RecordStatus nextWithTimeout(Long timeoutMs) {
    return nextWithTimeout(System.currentTimeMillis(), timeoutMs);
  }

  @Override
  public boolean next() {
    throw new UnsupportedOperationException("several partitions are read in real-time mode only");
  }

  @Override
  public InternalRow get() {
    return row;
  }

  /** Spark asks for this when the task's batch ends, and not before. */
  @Override
  public PartitionOffset getOffset() {
    end.reached();
    return new KafkaPartitions.Offsets(
        next.entrySet().stream()
            .map(entry -> new KafkaSourcePartitionOffset(entry.getKey(), entry.getValue()))
            .toArray(KafkaSourcePartitionOffset[]::new));
  }

  @Override
  public void close() {
    consumer.close(next, fetched);
  }
}
