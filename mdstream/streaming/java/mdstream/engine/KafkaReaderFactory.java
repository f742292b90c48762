package mdstream.engine;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.connector.read.InputPartition;
import org.apache.spark.sql.connector.read.PartitionReader;
import org.apache.spark.sql.connector.read.PartitionReaderFactory;

/** Readers of several partitions in real-time mode, Spark's own in micro-batches. */
record KafkaReaderFactory(PartitionReaderFactory spark) implements PartitionReaderFactory {

  @Override
  public PartitionReader<InternalRow> createReader(InputPartition partition) {
    return partition instanceof KafkaPartitions several ? new KafkaReader(several) : spark.createReader(partition);
  }
}
