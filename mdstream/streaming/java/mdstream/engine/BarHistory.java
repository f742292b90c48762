package mdstream.engine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/**
 * The newest revision of each of the last bars of one symbol and window, the forming one last.
 *
 * <p>In columns, as TA-Lib reads them. In the state store it is cut into chunks of {@link #CHUNK} windows, so that a bar that
 * closes costs the write of one chunk.
 */
final class BarHistory {
  /** Series of a bar that indicators may read, in the order of the columns. */
  static final List<String> SERIES = List.of("open", "high", "low", "close", "volume");

  static final int CLOSE = 3;
  static final int VOLUME = 4;
  static final int CHUNK = 32;

  /** Place of a bar that is older than what is kept. */
  static final int TOO_OLD = -1;

  /** A bar in a chunk: start, trades, last event time, then the series; little-endian. */
  private static final int BAR_BYTES = 3 * Long.BYTES + 5 * Double.BYTES;

  private static final int FIRST_CAPACITY = 16;

  private final long length;
  private final int limit;
  private final double[][] values = new double[SERIES.size()][];
  private long[] lastEvents;
  private long[] starts;
  private long[] trades;
  private int size;

  /** There were bars before these that are not kept. */
  boolean cut;

  /**
   * Begin without bars.
   *
   * @param length of the window in microseconds
   * @param limit bars that are kept
   */
  BarHistory(long length, int limit) {
    this.length = length;
    this.limit = limit;
    resize(Math.min(limit + 1, FIRST_CAPACITY));
  }

  int size() {
    return size;
  }

  double[] values(int series) {
    return values[series];
  }

  long start(int place) {
    return starts[place];
  }

  long lastEvent(int place) {
    return lastEvents[place];
  }

  long trades(int place) {
    return trades[place];
  }

  /** Return the place of the first bar that begins at or after a time. */
  int placeOf(long start) {
    if (size > 0 && starts[size - 1] < start) {
      return size;
    }
    int place = Arrays.binarySearch(starts, 0, size, start);
    return place < 0 ? -place - 1 : place;
  }

  /** Take a revision of a bar in, and return its place; `TOO_OLD` if nobody knows what belongs between it and the first. */
  int take(Bar bar) {
    int place = placeOf(bar.start);
    boolean known = place < size && start(place) == bar.start;
    if (!known) {
      if (cut && place == 0) {
        return TOO_OLD;
      }
      insert(place);
      if (size > limit) {
        dropFirst();
        if (--place < 0) {
          return TOO_OLD;
        }
      }
    }
    set(place, bar);
    return place;
  }

  private void set(int place, Bar bar) {
    starts[place] = bar.start;
    trades[place] = bar.tradeCount;
    lastEvents[place] = bar.lastEventTime;
    values[0][place] = bar.open.price;
    values[1][place] = bar.high();
    values[2][place] = bar.low();
    values[CLOSE][place] = bar.close.price;
    values[VOLUME][place] = bar.volume.total();
  }

  private void insert(int place) {
    if (size == starts.length) {
      resize(Math.min(limit + 1, 2 * size));
    }
    int moved = size - place;
    if (moved > 0) {
      System.arraycopy(starts, place, starts, place + 1, moved);
      System.arraycopy(trades, place, trades, place + 1, moved);
      System.arraycopy(lastEvents, place, lastEvents, place + 1, moved);
      for (double[] column : values) {
        System.arraycopy(column, place, column, place + 1, moved);
      }
    }
    size++;
  }

  private void dropFirst() {
    size--;
    System.arraycopy(starts, 1, starts, 0, size);
    System.arraycopy(trades, 1, trades, 0, size);
    System.arraycopy(lastEvents, 1, lastEvents, 0, size);
    for (double[] column : values) {
      System.arraycopy(column, 1, column, 0, size);
    }
    cut = true;
  }

  private void resize(int capacity) {
    starts = starts == null ? new long[capacity] : Arrays.copyOf(starts, capacity);
    trades = trades == null ? new long[capacity] : Arrays.copyOf(trades, capacity);
    lastEvents = lastEvents == null ? new long[capacity] : Arrays.copyOf(lastEvents, capacity);
    for (int series = 0; series < values.length; series++) {
      values[series] = values[series] == null ? new double[capacity] : Arrays.copyOf(values[series], capacity);
    }
  }

  /** Return the number of the chunk that a bar is in. */
  long chunkOf(long start) {
    return Math.floorDiv(Math.floorDiv(start, length), CHUNK);
  }

  /** Return the chunk of the first bar; the largest number if there is none. */
  long firstChunk() {
    return size == 0 ? Long.MAX_VALUE : chunkOf(starts[0]);
  }

  /** Return the chunk of the last bar; the smallest number if there is none. */
  long lastChunk() {
    return size == 0 ? Long.MIN_VALUE : chunkOf(starts[size - 1]);
  }

  /** Return a chunk's bars that begin before a time, as {@link #read} takes them. */
  byte[] chunk(long chunk, long before) {
    long first = chunk * CHUNK * length;
    int from = placeOf(first);
    int until = placeOf(Math.min(before, first + CHUNK * length));
    ByteBuffer bytes = ByteBuffer.allocate(Math.max(0, until - from) * BAR_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int place = from; place < until; place++) {
      bytes.putLong(starts[place]).putLong(trades[place]).putLong(lastEvents[place]);
      for (double[] column : values) {
        bytes.putDouble(column[place]);
      }
    }
    return bytes.array();
  }

  /** Append the bars of a chunk; chunks must come in the order of their numbers. */
  void read(byte[] chunk) {
    ByteBuffer bytes = ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      insert(size);
      int place = size - 1;
      starts[place] = bytes.getLong();
      trades[place] = bytes.getLong();
      lastEvents[place] = bytes.getLong();
      for (double[] column : values) {
        column[place] = bytes.getDouble();
      }
      if (size > limit) {
        dropFirst();
      }
    }
    // Nobody knows whether there were more.
    cut |= size == limit;
  }

  /** Forget the bars that begin at a time or later. */
  void truncate(long start) {
    size = placeOf(start);
  }
}
