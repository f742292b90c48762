package mdstream.engine;

import java.io.Serializable;

/** One usable tick, as the columns before the operator give it; a bean, so that Spark fills it without boxing. */
public class Tick implements Serializable {
  private static final long serialVersionUID = 1L;

  /** May set a bar's open and close. */
  public static final int OPEN_CLOSE = 1;

  /** May set a bar's high and low. */
  public static final int HIGH_LOW = 2;

  /** Counts in a bar's volume. */
  public static final int VOLUME = 4;

  /** Is a trade at all, neither cancelled nor the record of a cancel. */
  public static final int TRADE = 8;

  private long eventTime;
  private long ingestTime;
  private double price;
  private double size;
  private long sequence;
  private int partition;
  private long offset;
  private int may;

  /** Event time in epoch microseconds. */
  public long getEventTime() {
    return eventTime;
  }

  public void setEventTime(long value) {
    eventTime = value;
  }

  /** Arrival in our process in epoch microseconds. */
  public long getIngestTime() {
    return ingestTime;
  }

  public void setIngestTime(long value) {
    ingestTime = value;
  }

  public double getPrice() {
    return price;
  }

  public void setPrice(double value) {
    price = value;
  }

  public double getSize() {
    return size;
  }

  public void setSize(double value) {
    size = value;
  }

  /** The source's sequence number, or the offset where it has none. */
  public long getSequence() {
    return sequence;
  }

  public void setSequence(long value) {
    sequence = value;
  }

  public int getPartition() {
    return partition;
  }

  public void setPartition(int value) {
    partition = value;
  }

  public long getOffset() {
    return offset;
  }

  public void setOffset(long value) {
    offset = value;
  }

  /** What its conditions allow: a sum of {@link #OPEN_CLOSE}, {@link #HIGH_LOW}, {@link #VOLUME}, {@link #TRADE}. */
  public int getMay() {
    return may;
  }

  public void setMay(int value) {
    may = value;
  }

  boolean may(int purpose) {
    return (may & purpose) != 0;
  }
}
