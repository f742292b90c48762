package mdstream.engine;

import java.nio.charset.StandardCharsets;

/** Reads what {@link StateWriter} wrote. */
final class StateReader {
  private final byte[] bytes;
  private int place;

  StateReader(byte[] bytes) {
    this.bytes = bytes;
  }

  boolean hasMore() {
    return place < bytes.length;
  }

  String text() {
    int length = (int) number();
    place += length;
    return new String(bytes, place - length, length, StandardCharsets.UTF_8);
  }

  long number() {
    long value = 0;
    int shift = 0;
    byte read;
    do {
      read = bytes[place++];
      value |= (long) (read & 0x7F) << shift;
      shift += 7;
    } while (read < 0);
    return (value >>> 1) ^ -(value & 1);
  }

  double price() {
    long bits = 0;
    for (int count = 0; count < 8; count++) {
      bits = bits << 8 | (bytes[place++] & 0xFF);
    }
    return Double.longBitsToDouble(bits);
  }
}
