package mdstream.engine;

import java.util.HashMap;
import java.util.Map;

/** The findings raised of one bar: by rule, the highest severity so far. */
final class RaisedFindings {
  private final Map<String, Integer> severities = new HashMap<>();

  /** Note a finding; return whether that is news: the first of its rule, or of a higher severity than before. */
  boolean isNews(String rule, int severity) {
    if (!isGraver(rule, severity)) {
      return false;
    }
    severities.put(rule, severity);
    return true;
  }

  /** Whether a finding would be news. */
  boolean isGraver(String rule, int severity) {
    Integer known = severities.get(rule);
    return known == null || severity > known;
  }

  /** Take what was written later: severities by rule, below 0 for what was withdrawn. */
  void recall(Map<String, Integer> later) {
    later.forEach(
        (rule, severity) -> {
          if (severity < 0) {
            severities.remove(rule);
          } else {
            severities.merge(rule, severity, Math::max);
          }
        });
  }

  Map<String, Integer> severities() {
    return severities;
  }

  static void write(RaisedFindings raised, StateWriter out) {
    out.number(raised == null ? 0 : raised.severities.size());
    if (raised != null) {
      raised.severities.forEach(
          (rule, severity) -> {
            out.text(rule);
            out.number(severity);
          });
    }
  }

  /** Return what was written; null if nothing was raised. */
  static RaisedFindings read(StateReader in) {
    long count = in.number();
    if (count == 0) {
      return null;
    }
    RaisedFindings raised = new RaisedFindings();
    for (; count > 0; count--) {
      String rule = in.text();
      raised.severities.put(rule, (int) in.number());
    }
    return raised;
  }
}
