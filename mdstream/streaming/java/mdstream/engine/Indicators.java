package mdstream.engine;

import com.sun.jna.Memory;
import java.nio.DoubleBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Computes the configured indicators of one history of bars after the other, with TA-Lib's own code. */
@SuppressWarnings("resource")
final class Indicators implements AutoCloseable {
  /** How many bars before it a bar is compared with by rules. */
  static final int AVERAGED_BARS = 20;

  private final List<TaFunction> functions = new ArrayList<>();
  private final List<Memory> memories = new ArrayList<>();
  private final DoubleBuffer[] series = new DoubleBuffer[BarHistory.SERIES.size()];
  private final int[] functionOf;
  private final int[] outputOf;

  Indicators(String library, List<IndicatorSpec> asked, int most) {
    Map<String, Memory> byName = new HashMap<>();
    for (int place = 0; place < series.length; place++) {
      Memory memory = new Memory((long) most * Double.BYTES);
      memories.add(memory);
      series[place] = memory.getByteBuffer(0, memory.size()).asDoubleBuffer();
      byName.put(BarHistory.SERIES.get(place), memory);
    }
    if (!asked.isEmpty()) {
      TaLib.load(library);
    }
    List<int[]> columns = new ArrayList<>();
    for (IndicatorSpec spec : asked) {
      TaFunction function = new TaFunction(spec, byName, most);
      for (int output = 0; output < function.outputs(); output++) {
        columns.add(new int[] {functions.size(), output});
      }
      functions.add(function);
    }
    functionOf = columns.stream().mapToInt(column -> column[0]).toArray();
    outputOf = columns.stream().mapToInt(column -> column[1]).toArray();
  }

  /** Compute all indicators over a history: over all of it, as TA-Lib's values depend on where it begins. */
  void compute(BarHistory bars) {
    for (int place = 0; place < series.length; place++) {
      series[place].put(0, bars.values(place), 0, bars.size());
    }
    for (TaFunction function : functions) {
      function.compute(bars.size());
    }
  }

  int columns() {
    return functionOf.length;
  }

  /** Return a column's value at a bar of the history that was computed last; NaN if there is none. */
  double value(int column, int bar) {
    return functions.get(functionOf[column]).value(outputOf[column], bar);
  }

  /** Mean of the bars before a bar, in the order of {@code mdstream.indicators.rule_values}; NaN if they are too few. */
  static double meanBefore(double[] values, int bar) {
    if (bar < AVERAGED_BARS) {
      return Double.NaN;
    }
    double sum = values[bar - AVERAGED_BARS];
    for (int place = bar - AVERAGED_BARS + 1; place < bar; place++) {
      sum += values[place];
    }
    return sum / AVERAGED_BARS;
  }

  @Override
  public void close() {
    functions.forEach(TaFunction::close);
  }
}
