package mdstream.engine;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes numbers in as few bytes as they need: state is read and written more often than anything else. */
final class StateWriter {
  private byte[] bytes = new byte[1024];
  private int length;

  void clear() {
    length = 0;
  }

  byte[] copy() {
    return Arrays.copyOf(bytes, length);
  }

  void number(long value) {
    room(10);
    long left = (value << 1) ^ (value >> 63);
    while ((left & ~0x7FL) != 0) {
      bytes[length++] = (byte) (left | 0x80);
      left >>>= 7;
    }
    bytes[length++] = (byte) left;
  }

  void text(String value) {
    byte[] text = value.getBytes(StandardCharsets.UTF_8);
    number(text.length);
    room(text.length);
    System.arraycopy(text, 0, bytes, length, text.length);
    length += text.length;
  }

  void price(double value) {
    room(8);
    long bits = Double.doubleToRawLongBits(value);
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes[length++] = (byte) (bits >> shift);
    }
  }

  private void room(int more) {
    if (bytes.length < length + more) {
      bytes = Arrays.copyOf(bytes, 2 * (length + more));
    }
  }
}
