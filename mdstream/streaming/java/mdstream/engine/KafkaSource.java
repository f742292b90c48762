package mdstream.engine;

import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.connector.catalog.CatalogV2Util;
import org.apache.spark.sql.connector.catalog.Column;
import org.apache.spark.sql.connector.catalog.SupportsRead;
import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.connector.catalog.TableCapability;
import org.apache.spark.sql.connector.catalog.TableProvider;
import org.apache.spark.sql.connector.expressions.Transform;
import org.apache.spark.sql.connector.read.Scan;
import org.apache.spark.sql.connector.read.ScanBuilder;
import org.apache.spark.sql.connector.read.streaming.MicroBatchStream;
import org.apache.spark.sql.kafka010.KafkaMicroBatchStream;
import org.apache.spark.sql.kafka010.KafkaSourceProvider;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/**
 * Spark's own Kafka source for real-time mode, in which a task reads several partitions, and a column {@code tick}.
 *
 * <p>Spark has a task a partition there, and each has a consumer that polls and a slot that is taken for good. Option {@code
 * readers} says how many tasks share the partitions; {@code ticks} is the schema of the column, as Spark's JSON: what a {@link
 * TickReader} makes of the value, null where it declines.
 */
public final class KafkaSource implements TableProvider {
  private static final String READERS = "readers";
  private static final String TICKS = "ticks";

  private final KafkaSourceProvider spark = new KafkaSourceProvider();

  @Override
  public StructType inferSchema(CaseInsensitiveStringMap options) {
    return spark.inferSchema(options).add("tick", ticks(options));
  }

  @Override
  public Table getTable(StructType schema, Transform[] partitioning, Map<String, String> properties) {
    return new KafkaTable((SupportsRead) spark.getTable(new CaseInsensitiveStringMap(properties)), schema);
  }

  private static StructType ticks(CaseInsensitiveStringMap options) {
    return (StructType) DataType.fromJson(options.get(TICKS));
  }

  private record KafkaTable(SupportsRead spark, StructType type) implements SupportsRead {
    @Override
    public String name() {
      return spark.name();
    }

    @Override
    public Column[] columns() {
      return CatalogV2Util.structTypeToV2Columns(type, false);
    }

    @Override
    public Set<TableCapability> capabilities() {
      return Set.of(TableCapability.MICRO_BATCH_READ);
    }

    @Override
    public ScanBuilder newScanBuilder(CaseInsensitiveStringMap options) {
      return () -> new KafkaScan(spark.newScanBuilder(options).build(), type, options);
    }
  }

  private record KafkaScan(Scan spark, StructType readSchema, CaseInsensitiveStringMap options) implements Scan {
    @Override
    public MicroBatchStream toMicroBatchStream(String checkpointLocation) {
      KafkaMicroBatchStream stream = (KafkaMicroBatchStream) spark.toMicroBatchStream(checkpointLocation);
      return new KafkaStream(stream, options.getInt(READERS, 1), ticks(options), TickLimits.of(options));
    }
  }
}
