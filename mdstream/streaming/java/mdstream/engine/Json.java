package mdstream.engine;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes one JSON object after the other into the same bytes. */
final class Json {
  private static final long[] POWERS = {1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000};
  private static final double WHOLE_NUMBERS = 1L << 53;

  private byte[] bytes = new byte[512];
  private int length;
  private final byte[] digits = new byte[20];

  void clear() {
    length = 0;
  }

  byte[] copy() {
    return Arrays.copyOf(bytes, length);
  }

  Json raw(byte[] text) {
    room(text.length);
    System.arraycopy(text, 0, bytes, length, text.length);
    length += text.length;
    return this;
  }

  Json number(long value) {
    room(20);
    if (value == Long.MIN_VALUE) {
      return raw(Long.toString(value).getBytes(StandardCharsets.US_ASCII));
    }
    if (value < 0) {
      bytes[length++] = '-';
      return digits(-value, 1);
    }
    return digits(value, 1);
  }

  /** Writes a finite number as digits from which the same number is read; most prices have few behind the point. */
  Json number(double value) {
    double absolute = Math.abs(value);
    for (int decimals = 1; decimals < POWERS.length && absolute < 1e7; decimals++) {
      double scaled = absolute * POWERS[decimals];
      long whole = (long) scaled;
      if (whole == scaled && scaled < WHOLE_NUMBERS && (double) whole / POWERS[decimals] == absolute) {
        room(32);
        if (value < 0) {
          bytes[length++] = '-';
        }
        digits(whole / POWERS[decimals], 1);
        bytes[length++] = '.';
        return digits(whole % POWERS[decimals], decimals);
      }
    }
    return raw(Double.toString(value).getBytes(StandardCharsets.US_ASCII));
  }

  private Json digits(long value, int atLeast) {
    int count = 0;
    for (long left = value; left > 0 || count < atLeast; left /= 10) {
      digits[count++] = (byte) ('0' + left % 10);
    }
    while (count > 0) {
      bytes[length++] = digits[--count];
    }
    return this;
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Return for each window what says that a record is of it. */
  static byte[][] windows(String[] names) {
    byte[][] windows = new byte[names.length][];
    for (int window = 0; window < names.length; window++) {
      windows[window] = utf8(",\"window\":" + new String(quoted(names[window]), StandardCharsets.UTF_8));
    }
    return windows;
  }

  /** Return a text in quotes, with what JSON asks for escaped. */
  static byte[] quoted(String text) {
    StringBuilder json = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        json.append('\\').append(c);
      } else if (c < ' ') {
        json.append(String.format("\\u%04x", (int) c));
      } else {
        json.append(c);
      }
    }
    return json.append('"').toString().getBytes(StandardCharsets.UTF_8);
  }

  private void room(int more) {
    if (bytes.length < length + more) {
      bytes = Arrays.copyOf(bytes, 2 * (length + more));
    }
  }
}
