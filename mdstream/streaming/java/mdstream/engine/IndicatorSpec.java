package mdstream.engine;

import java.io.Serializable;
import java.util.List;

/**
 * One configured indicator, as {@code mdstream.indicators.Indicator} declares it.
 *
 * @param function TA-Lib's name
 * @param inputs series of a bar that it reads, in TA-Lib's order
 * @param parameters all of its parameters, in TA-Lib's order
 * @param lookback bars that pass before the first value
 * @param columns names of its results, in TA-Lib's order
 */
public record IndicatorSpec(
    String function, List<String> inputs, List<Double> parameters, int lookback, List<String> columns)
    implements Serializable {}
