package mdstream.engine;

import java.util.HashMap;
import java.util.Map;

/** What has been told of one bar: by rule, how grave it was at its gravest. */
final class Told {
  private final Map<String, Integer> severities = new HashMap<>();

  /** Note a finding; return whether that is news: the first of its rule, or graver than before. */
  boolean isNews(String rule, int severity) {
    Integer known = severities.get(rule);
    if (known != null && known >= severity) {
      return false;
    }
    severities.put(rule, severity);
    return true;
  }

  Map<String, Integer> severities() {
    return severities;
  }

  static void write(Told told, StateWriter out) {
    out.number(told == null ? 0 : told.severities.size());
    if (told != null) {
      told.severities.forEach(
          (rule, severity) -> {
            out.text(rule);
            out.number(severity);
          });
    }
  }

  /** Return what was written; null if nothing was told. */
  static Told read(StateReader in) {
    long count = in.number();
    if (count == 0) {
      return null;
    }
    Told told = new Told();
    for (; count > 0; count--) {
      String rule = in.text();
      told.severities.put(rule, (int) in.number());
    }
    return told;
  }
}
