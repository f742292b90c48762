package mdstream.shuffle;

import java.security.SecureRandom;
import org.apache.spark.ShuffleDependency;
import org.apache.spark.shuffle.streaming.StreamingShuffleHandle;

/** What tasks are told of a shuffle, and with it the secret by which they know each other. */
final class SecretHandle<K, V, C> extends StreamingShuffleHandle<K, V, C> {
  private static final long serialVersionUID = 1;
  private static final int SECRET_BYTES = 32;

  private final byte[] secret = new byte[SECRET_BYTES];

  SecretHandle(int shuffleId, ShuffleDependency<K, V, C> dependency) {
    super(shuffleId, dependency);
    new SecureRandom().nextBytes(secret);
  }

  byte[] secret() {
    return secret.clone();
  }
}
