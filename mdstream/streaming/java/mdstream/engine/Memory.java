package mdstream.engine;

import java.lang.ref.SoftReference;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.streaming.QueryInfo;

/**
 * What an operator had in memory at the end of a batch, for the next batch of the same run and partition.
 *
 * <p>Otherwise each symbol's first tick of a batch reads the state store. It is as good as the store: a batch that fails ends
 * its run, and what another process or another batch did in between is not followed by the very next number here.
 */
final class Memory {
  private static final Map<Key, SoftReference<Kept>> KEPT = new ConcurrentHashMap<>();

  private Memory() {}

  private record Key(UUID run, int partition) {}

  private record Kept(long batch, Map<String, SymbolBars> symbols) {}

  private static Key key(QueryInfo query) {
    TaskContext task = TaskContext.get();
    return new Key(query.getRunId(), task == null ? -1 : task.partitionId());
  }

  /** Return what was kept at the end of the batch before this one; it is nobody else's then. */
  static Map<String, SymbolBars> take(QueryInfo query) {
    SoftReference<Kept> reference = KEPT.remove(key(query));
    Kept kept = reference == null ? null : reference.get();
    return kept != null && kept.batch + 1 == query.getBatchId() ? kept.symbols : new HashMap<>();
  }

  /** Keep what the state store holds as well. */
  static void keep(QueryInfo query, Map<String, SymbolBars> symbols) {
    KEPT.values().removeIf(reference -> reference.get() == null);
    KEPT.put(key(query), new SoftReference<>(new Kept(query.getBatchId(), symbols)));
  }
}
