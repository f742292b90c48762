package mdstream.engine;

import java.io.Serializable;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * Rules that judge a bar without its indicators.
 *
 * <p>Each revision can be asked, as nothing is computed for it: one that has news is analysed before the next tick changes it.
 */
final class PromptRules implements Serializable {
  private static final long serialVersionUID = 1L;

  private final Rules rules;
  private final String[] names;

  /**
   * Take the rules from a frame.
   *
   * @param severities a column a rule, called like it: the severity of what it finds, null for nothing; without rows
   */
  PromptRules(Dataset<Row> severities) {
    rules = new Rules(severities);
    names = severities.schema().fieldNames();
  }

  /** Return what asks the rules; it is for one thread. */
  Asked ask() {
    return new Asked(rules.ask(), names);
  }

  /** The rules, ready to be asked. */
  record Asked(Rules.Asked rules, String[] names) {
    /** Whether a rule finds what has not been raised yet. */
    boolean haveNews(InternalRow bar, RaisedFindings raised) {
      InternalRow severities = rules.answer(bar);
      for (int rule = 0; rule < names.length; rule++) {
        if (!severities.isNullAt(rule)) {
          int severity = Analysis.SEVERITIES.indexOf(severities.getUTF8String(rule).toString());
          if (raised == null || raised.isGraver(names[rule], severity)) {
            return true;
          }
        }
      }
      return false;
    }
  }
}
