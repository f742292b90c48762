package mdstream.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.connector.read.PartitionReaderFactory;
import org.apache.spark.sql.connector.read.streaming.MicroBatchStream;
import org.apache.spark.sql.connector.read.streaming.Offset;
import org.apache.spark.sql.connector.read.streaming.PartitionOffset;
import org.apache.spark.sql.connector.read.streaming.ReadLimit;
import org.apache.spark.sql.connector.read.streaming.ReportsSourceMetrics;
import org.apache.spark.sql.connector.read.streaming.SupportsRealTimeMode;
import org.apache.spark.sql.connector.read.streaming.SupportsTriggerAvailableNow;
import org.apache.spark.sql.kafka010.KafkaBatchInputPartition;
import org.apache.spark.sql.kafka010.KafkaMicroBatchStream;
import org.apache.spark.sql.types.StructType;

/** Spark's own stream of Kafka topics, of which a real-time task reads several partitions. */
final class KafkaStream
    implements MicroBatchStream, SupportsTriggerAvailableNow, SupportsRealTimeMode, ReportsSourceMetrics {
  private final KafkaMicroBatchStream spark;
  private final int readers;
  private final StructType ticks;
  private final TickLimits limits;

  KafkaStream(KafkaMicroBatchStream spark, int readers, StructType ticks, TickLimits limits) {
    this.spark = spark;
    this.readers = readers;
    this.ticks = ticks;
    this.limits = limits;
  }

  @Override
  public InputPartition[] planInputPartitions(Offset start) {
    InputPartition[] parts = spark.planInputPartitions(start);
    List<List<KafkaBatchInputPartition>> groups = new ArrayList<>();
    for (int part = 0; part < parts.length; part++) {
      if (part < readers) {
        groups.add(new ArrayList<>());
      }
      groups.get(part % readers).add((KafkaBatchInputPartition) parts[part]);
    }
    return groups.stream()
        .map(group -> new KafkaPartitions(group.toArray(KafkaBatchInputPartition[]::new), ticks, limits))
        .toArray(InputPartition[]::new);
  }

  @Override
  public Offset mergeOffsets(PartitionOffset[] offsets) {
    return spark.mergeOffsets(
        Arrays.stream(offsets)
            .flatMap(offset -> Arrays.stream(((KafkaPartitions.Offsets) offset).parts()))
            .toArray(PartitionOffset[]::new));
  }

  @Override
  public void prepareForRealTimeMode() {
    spark.prepareForRealTimeMode();
  }

  @Override
  public PartitionReaderFactory createReaderFactory() {
    return new KafkaReaderFactory(spark.createReaderFactory());
  }

  @Override
  public InputPartition[] planInputPartitions(Offset start, Offset end) {
    return spark.planInputPartitions(start, end);
  }

  @Override
  public void prepareForTriggerAvailableNow() {
    spark.prepareForTriggerAvailableNow();
  }

  @Override
  public ReadLimit getDefaultReadLimit() {
    return spark.getDefaultReadLimit();
  }

  @Override
  public Offset latestOffset(Offset start, ReadLimit limit) {
    return spark.latestOffset(start, limit);
  }

  @Override
  public Offset latestOffset() {
    return spark.latestOffset();
  }

  @Override
  public Offset reportLatestOffset() {
    return spark.reportLatestOffset();
  }

  @Override
  public Offset initialOffset() {
    return spark.initialOffset();
  }

  @Override
  public Offset deserializeOffset(String json) {
    return spark.deserializeOffset(json);
  }

  @Override
  public Map<String, String> metrics(Optional<Offset> latestConsumed) {
    return spark.metrics(latestConsumed);
  }

  @Override
  public void commit(Offset end) {
    spark.commit(end);
  }

  @Override
  public void stop() {
    spark.stop();
  }
}
