package mdstream.engine;

import java.util.Map;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.connector.read.streaming.PartitionOffset;
import org.apache.spark.sql.kafka010.KafkaBatchInputPartition;
import org.apache.spark.sql.kafka010.KafkaSourcePartitionOffset;
import org.apache.spark.sql.types.StructType;

/** Partitions of a topic that one task reads. */
record KafkaPartitions(KafkaBatchInputPartition[] parts, StructType ticks, TickLimits limits) implements InputPartition {

  Map<String, Object> consumerSettings() {
    return parts[0].executorKafkaParams();
  }

  /** How far the task has come in each of them. */
  record Offsets(KafkaSourcePartitionOffset[] parts) implements PartitionOffset {}
}
