package mdstream.shuffle;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.SparkContext$;
import org.apache.spark.SparkEnv;

/** Where writers of this process listen for readers of this process. */
final class LocalPorts {
  private static final long WAIT_SECONDS = 60;
  private static final ConcurrentHashMap<Writer, CompletableFuture<Integer>> PORTS = new ConcurrentHashMap<>();

  private record Writer(int shuffleId, int mapId) {}

  private LocalPorts() {}

  /** Whether all tasks run in this process, which is so where the driver runs them. */
  static boolean areAll() {
    return SparkContext$.MODULE$.isDriver(SparkEnv.get().executorId());
  }

  static void put(int shuffleId, long mapId, int port) {
    of(shuffleId, mapId).complete(port);
  }

  static void remove(int shuffleId, long mapId) {
    PORTS.remove(new Writer(shuffleId, (int) mapId));
  }

  /** Return the port of a writer, which has told Spark of itself and is about to open it. */
  static int await(int shuffleId, int mapId) {
    try {
      return of(shuffleId, mapId).get(WAIT_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException exception) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for a writer's port", exception);
    } catch (ExecutionException | TimeoutException exception) {
      remove(shuffleId, mapId);
      throw new IllegalStateException("writer " + mapId + " of shuffle " + shuffleId + " opened no port", exception);
    }
  }

  private static CompletableFuture<Integer> of(int shuffleId, long mapId) {
    return PORTS.computeIfAbsent(new Writer(shuffleId, (int) mapId), writer -> new CompletableFuture<>());
  }
}
