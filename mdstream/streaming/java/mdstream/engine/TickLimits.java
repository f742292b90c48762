package mdstream.engine;

import java.io.Serializable;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/** What a tick may be; declared in {@code mdstream.schemas.limits}, and handed over as options of the source. */
public record TickLimits(
    double price,
    double leastSize,
    double size,
    double notional,
    int payloadBytes,
    int symbolCharacters,
    int textCharacters,
    int conditions)
    implements Serializable {

  public static TickLimits of(CaseInsensitiveStringMap options) {
    return new TickLimits(
        options.getDouble("limits.price", 0),
        options.getDouble("limits.least_size", 0),
        options.getDouble("limits.size", 0),
        options.getDouble("limits.notional", 0),
        options.getInt("limits.payload_bytes", 0),
        options.getInt("limits.symbol_characters", 0),
        options.getInt("limits.text_characters", 0),
        options.getInt("limits.conditions", 0));
  }
}
