package mdstream.engine;

import java.util.Arrays;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.SpecificInternalRow;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** A bar as rules see it: the columns of {@code mdstream.indicators.analysed_schema}. */
final class AnalysedRow {
  private static final String[] OF_BAR = {
    "symbol",
    "window",
    "window_start",
    "window_end",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "vwap",
    "trade_count",
    "last_event_time",
    "last_ingest_time"
  };
  private static final int FOR_RULES = 4;
  private static final double[] NONE = {};

  private final SpecificInternalRow row;
  private final long[] lengths;
  private final UTF8String[] windows;
  private final int columns;

  AnalysedRow(StructType type, long[] lengths, String[] names) {
    columns = type.size() - OF_BAR.length - FOR_RULES;
    if (columns < 0 || !Arrays.equals(OF_BAR, Arrays.copyOf(type.fieldNames(), OF_BAR.length))) {
      throw new IllegalArgumentException("expected the columns of a bar, found " + Arrays.toString(type.fieldNames()));
    }
    row = new SpecificInternalRow(type);
    this.lengths = lengths;
    windows = Arrays.stream(names).map(UTF8String::fromString).toArray(UTF8String[]::new);
  }

  /** Return the row of a bar, which is good until the next is asked for. */
  InternalRow of(Series series, Bar bar, int place, Indicators values, double latencyMs) {
    withoutIndicators(series, bar, place);
    for (int indicator = 0; indicator < columns; indicator++) {
      set(OF_BAR.length + indicator, values.value(indicator, place));
    }
    set(OF_BAR.length + columns + FOR_RULES - 1, latencyMs);
    return row;
  }

  /** Return the row of a bar for those who look neither at indicators nor at the latency: there it holds another bar's. */
  InternalRow withoutIndicators(Series series, Bar bar, int place) {
    int column = 0;
    row.update(column++, UTF8String.fromBytes(series.symbol.record));
    row.update(column++, windows[series.window]);
    row.setLong(column++, bar.start);
    row.setLong(column++, bar.start + lengths[series.window]);
    row.setDouble(column++, bar.open.price);
    row.setDouble(column++, bar.high());
    row.setDouble(column++, bar.low());
    row.setDouble(column++, bar.close.price);
    row.setDouble(column++, bar.volume.total());
    set(column++, bar.vwap());
    row.setLong(column++, bar.tradeCount);
    row.setLong(column++, bar.lastEventTime);
    row.setLong(column++, bar.lastIngestTime);
    column += columns;
    BarHistory history = series.history;
    double[] close = history == null ? NONE : history.values(BarHistory.CLOSE);
    double[] volume = history == null ? NONE : history.values(BarHistory.VOLUME);
    set(column++, Indicators.meanBefore(close, place));
    set(column++, Indicators.meanBefore(volume, place));
    set(column, place == 0 ? Double.NaN : close[place - 1]);
    return row;
  }

  private void set(int column, double value) {
    if (Double.isNaN(value)) {
      row.setNullAt(column);
    } else {
      row.setDouble(column, value);
    }
  }
}
