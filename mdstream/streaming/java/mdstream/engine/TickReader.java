package mdstream.engine;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Reads the JSON of a tick that is plainly well formed and within all limits; declines any other.
 *
 * <p>It refuses nothing and repairs nothing: what it declines is read and judged by the columns of {@code
 * mdstream.transforms.to_ticks}, which mean the same for what it reads, and take ten times as long.
 */
public final class TickReader {
  private static final double[] POWERS = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  private static final int EXACT_DIGITS = 15;
  private static final int LONG_DIGITS = 18;
  private static final int LONGEST_NUMBER = 40;
  private static final boolean[] IN_SYMBOL = new boolean[128];

  static {
    for (char c = 0; c < IN_SYMBOL.length; c++) {
      IN_SYMBOL[c] = isLetterOrDigit(c) || ".:/_^=-".indexOf(c) >= 0;
    }
  }

  private final TickLimits limits;
  private final byte[][] names;
  private final Kind[] kinds;
  private final int symbol;
  private final int price;
  private final int size;
  private final int eventTime;
  private byte[] json;
  private int at;
  private long whole;
  private double decimal;

  private enum Kind {
    SYMBOL,
    PRICE,
    SIZE,
    INTEGER,
    TEXT,
    CODES,
    OTHER
  }

  public TickReader(StructType schema, TickLimits limits) {
    this.limits = limits;
    String[] fields = schema.fieldNames();
    names = new byte[fields.length][];
    kinds = new Kind[fields.length];
    for (int field = 0; field < fields.length; field++) {
      names[field] = fields[field].getBytes(StandardCharsets.US_ASCII);
      kinds[field] =
          switch (fields[field]) {
            case "symbol" -> Kind.SYMBOL;
            case "price" -> Kind.PRICE;
            case "size" -> Kind.SIZE;
            case "event_time", "ingest_time", "sequence" -> Kind.INTEGER;
            case "source", "exchange", "trade_id" -> Kind.TEXT;
            case "conditions" -> Kind.CODES;
            default -> Kind.OTHER;
          };
    }
    symbol = schema.fieldIndex("symbol");
    price = schema.fieldIndex("price");
    size = schema.fieldIndex("size");
    eventTime = schema.fieldIndex("event_time");
  }

  /** Return the tick as a row of the schema, or null to decline. */
  public InternalRow read(byte[] value) {
    if (value == null || value.length > limits.payloadBytes()) {
      return null;
    }
    json = value;
    at = 0;
    Object[] row = new Object[names.length];
    return object(row) && at == json.length && isComplete(row) ? new GenericInternalRow(row) : null;
  }

  private boolean object(Object[] row) {
    if (!token('{')) {
      return false;
    }
    do {
      int field = name();
      if (field < 0 || row[field] != null || !token(':') || !value(row, field)) {
        return false;
      }
    } while (token(','));
    return token('}');
  }

  private boolean token(char wanted) {
    blank();
    if (at < json.length && json[at] == wanted) {
      at++;
      return true;
    }
    return false;
  }

  private void blank() {
    while (at < json.length && json[at] == ' ') {
      at++;
    }
  }

  /** Return the place of the field whose name comes next; -1 if there is none such. */
  private int name() {
    blank();
    int begin = at + 1;
    int length = text();
    for (int field = 0; field < names.length && length >= 0; field++) {
      if (Arrays.equals(names[field], 0, names[field].length, json, begin, begin + length)) {
        return field;
      }
    }
    return -1;
  }

  private boolean value(Object[] row, int field) {
    blank();
    row[field] =
        switch (kinds[field]) {
          case SYMBOL -> symbol();
          case PRICE -> number(0, limits.price());
          case SIZE -> number(limits.leastSize(), limits.size());
          case INTEGER -> integer() ? (Object) whole : null;
          case TEXT -> limitedText();
          case CODES -> conditions();
          case OTHER -> null;
        };
    return row[field] != null;
  }

  private Double number(double least, double most) {
    return number() && decimal > 0 && decimal >= least && decimal <= most ? decimal : null;
  }

  private UTF8String symbol() {
    int begin = at + 1;
    int length = text();
    if (length < 1 || length > limits.symbolCharacters() || !isLetterOrDigit((char) json[begin])) {
      return null;
    }
    for (int place = begin; place < begin + length; place++) {
      if (!IN_SYMBOL[json[place]]) {
        return null;
      }
    }
    return UTF8String.fromBytes(json, begin, length);
  }

  private UTF8String limitedText() {
    int begin = at + 1;
    int length = text();
    return length < 0 || length > limits.textCharacters() ? null : UTF8String.fromBytes(json, begin, length);
  }

  private GenericArrayData conditions() {
    List<UTF8String> codes = new ArrayList<>(4);
    if (!token('[')) {
      return null;
    }
    if (!token(']')) {
      do {
        blank();
        UTF8String code = limitedText();
        if (code == null || codes.size() == limits.conditions()) {
          return null;
        }
        codes.add(code);
      } while (token(','));
      if (!token(']')) {
        return null;
      }
    }
    return new GenericArrayData(codes.toArray());
  }

  /** Pass a string of printable ASCII without escapes, and return its length; -1 if it is none. */
  private int text() {
    if (at >= json.length || json[at] != '"') {
      return -1;
    }
    int begin = ++at;
    while (at < json.length) {
      byte c = json[at++];
      if (c == '"') {
        return at - 1 - begin;
      }
      if (c < ' ' || c == '\\' || c == 0x7F) {
        return -1;
      }
    }
    return -1;
  }

  /** Read a number of at most eighteen digits without a sign; one with a fraction or an exponent is none. */
  private boolean integer() {
    int begin = at;
    whole = 0;
    while (at < json.length && isDigit(json[at])) {
      whole = whole * 10 + json[at++] - '0';
      if (at - begin > LONG_DIGITS) {
        return false;
      }
    }
    return at > begin && (json[begin] != '0' || at == begin + 1);
  }

  /** Read a number without sign and exponent, to the nearest double. */
  private boolean number() {
    int begin = at;
    if (!integer()) {
      return false;
    }
    int digits = at - begin;
    int decimals = 0;
    if (at < json.length && json[at] == '.') {
      int point = at++;
      while (at < json.length && isDigit(json[at])) {
        if (++decimals + digits <= LONG_DIGITS) {
          whole = whole * 10 + json[at] - '0';
        }
        at++;
      }
      if (at == point + 1 || at - begin > LONGEST_NUMBER) {
        return false;
      }
    }
    if (at < json.length && (json[at] == 'e' || json[at] == 'E')) {
      return false;
    }
    decimal =
        digits + decimals <= EXACT_DIGITS
            ? whole / POWERS[decimals]
            : Double.parseDouble(new String(json, begin, at - begin, StandardCharsets.US_ASCII));
    return true;
  }

  private boolean isComplete(Object[] row) {
    return row[symbol] != null
        && row[eventTime] != null
        && row[price] != null
        && row[size] != null
        && (double) row[price] * (double) row[size] <= limits.notional();
  }

  private static boolean isDigit(byte c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isLetterOrDigit(char c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
  }
}
