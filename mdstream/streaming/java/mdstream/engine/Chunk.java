package mdstream.engine;

import java.io.Serializable;

/** Some closed bars of a symbol and window, as {@link BarHistory} keeps them; a bean, so that Spark fills it. */
public class Chunk implements Serializable {
  private static final long serialVersionUID = 1L;

  private long seconds;
  private long number;
  private byte[] bars;

  /** Length of the window. */
  public long getSeconds() {
    return seconds;
  }

  public void setSeconds(long value) {
    seconds = value;
  }

  /** Number of the chunk, see {@link BarHistory#chunkOf}. */
  public long getNumber() {
    return number;
  }

  public void setNumber(long value) {
    number = value;
  }

  /** The bars. */
  public byte[] getBars() {
    return bars;
  }

  public void setBars(byte[] value) {
    bars = value;
  }
}
