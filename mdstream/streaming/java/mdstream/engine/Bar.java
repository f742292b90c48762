package mdstream.engine;

/**
 * A bar as it grows: what {@code mdstream.transforms.to_bars} aggregates, for one symbol, window and start.
 *
 * <p>The same ticks give the same bar to the last bit whatever their order: sums are kept as whole part and rest, both as
 * integers, and open and close are those of the first and last trade by (event time, sequence, offset, partition).
 */
final class Bar {
  private static final double FRACTIONS = 1e11;

  final long start;
  final Trade open = new Trade();
  final Trade close = new Trade();
  double eligibleHigh = Double.NaN;
  double eligibleLow = Double.NaN;
  double anyHigh = Double.NaN;
  double anyLow = Double.NaN;
  final Sum volume = new Sum();
  final Sum eligibleSize = new Sum();
  final Sum eligibleNotional = new Sum();
  final Sum anySize = new Sum();
  final Sum anyNotional = new Sum();
  long tradeCount;
  long lastEventTime = Long.MIN_VALUE;
  long lastIngestTime = Long.MIN_VALUE;

  /** Has changed since its last revision was written. */
  boolean revised;

  /** A tick has come to it after it had closed. */
  boolean late;

  /** Its findings; null for none. */
  RaisedFindings raised;

  private double latencyMs = Double.NaN;

  Bar(long start) {
    this.start = start;
  }

  /** Price and rank of the trade that sets the open or the close. */
  static final class Trade {
    double price;
    long eventTime;
    long sequence;
    long offset;
    int partition;
    boolean eligible;

    void set(Tick tick, boolean isEligible) {
      price = tick.getPrice();
      eventTime = tick.getEventTime();
      sequence = tick.getSequence();
      offset = tick.getOffset();
      partition = tick.getPartition();
      eligible = isEligible;
    }

    /** Return whether a tick comes before this trade (negative), or after it (positive). */
    int compare(Tick tick) {
      int order = Long.compare(tick.getEventTime(), eventTime);
      if (order == 0) {
        order = Long.compare(tick.getSequence(), sequence);
      }
      if (order == 0) {
        order = Long.compare(tick.getOffset(), offset);
      }
      return order == 0 ? Integer.compare(tick.getPartition(), partition) : order;
    }
  }

  /** A sum of which whole part and rest are integers: exact in any order, to 1e-11. */
  static final class Sum {
    long whole;
    long rest;

    void add(double value) {
      double floor = Math.floor(value);
      whole = Math.addExact(whole, (long) floor);
      rest = Math.addExact(rest, (long) Math.floor((value - floor) * FRACTIONS + 0.5));
    }

    double total() {
      return whole + rest / FRACTIONS;
    }
  }

  void add(Tick tick) {
    double price = tick.getPrice();
    double size = tick.getSize();
    addToOpenAndClose(tick);
    boolean setsHighLow = tick.may(Tick.HIGH_LOW);
    boolean setsVolume = tick.may(Tick.VOLUME);
    anyHigh = higher(anyHigh, price);
    anyLow = lower(anyLow, price);
    if (setsHighLow) {
      eligibleHigh = higher(eligibleHigh, price);
      eligibleLow = lower(eligibleLow, price);
    }
    double notional = price * size;
    if (setsVolume) {
      volume.add(size);
      if (setsHighLow) {
        eligibleSize.add(size);
        eligibleNotional.add(notional);
      }
    }
    anySize.add(size);
    anyNotional.add(notional);
    tradeCount++;
    revised = true;
    lastEventTime = Math.max(lastEventTime, tick.getEventTime());
    lastIngestTime = Math.max(lastIngestTime, tick.getIngestTime());
  }

  /** Trades that may set open and close go before all that may not; those serve where there is no other. */
  private void addToOpenAndClose(Tick tick) {
    boolean eligible = tick.may(Tick.OPEN_CLOSE);
    boolean first = tradeCount == 0;
    if (first || (eligible != open.eligible ? eligible : open.compare(tick) < 0)) {
      open.set(tick, eligible);
    }
    if (first || (eligible != close.eligible ? eligible : close.compare(tick) > 0)) {
      close.set(tick, eligible);
    }
  }

  private static double higher(double known, double price) {
    return price <= known ? known : price;
  }

  private static double lower(double known, double price) {
    return price >= known ? known : price;
  }

  double high() {
    return Double.isNaN(eligibleHigh) ? anyHigh : eligibleHigh;
  }

  double low() {
    return Double.isNaN(eligibleLow) ? anyLow : eligibleLow;
  }

  /** Mean price by size; NaN if no trade has a size that shows in the sum. */
  double vwap() {
    double size = eligibleSize.total();
    if (size != 0) {
      return within(eligibleNotional.total() / size, eligibleLow, eligibleHigh);
    }
    size = anySize.total();
    return size == 0 ? Double.NaN : within(anyNotional.total() / size, anyLow, anyHigh);
  }

  /** A mean lies between the extremes; by rounding alone it could leave them. */
  private static double within(double mean, double low, double high) {
    return mean < low ? low : mean > high ? high : mean;
  }

  void noteLatency(double milliseconds) {
    latencyMs = latencyMs >= milliseconds ? latencyMs : milliseconds;
  }

  /** Return the longest latency that was noted since the last time; NaN for none. */
  double takeLatency() {
    double noted = latencyMs;
    latencyMs = Double.NaN;
    return noted;
  }
}
