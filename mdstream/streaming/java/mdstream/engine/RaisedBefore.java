package mdstream.engine;

import java.io.Serializable;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.sql.streaming.QueryInfo;

/**
 * Findings that were written after the checkpoint which a run begins with: the state does not have them.
 *
 * <p>Each is given out once in a run, to the bar that it is of; from then on the bar's own are kept in the state.
 */
final class RaisedBefore {
  private static final Map<UUID, Of> OF_QUERIES = new ConcurrentHashMap<>();

  private final Map<Place, Map<String, Integer>> severities = new ConcurrentHashMap<>();

  private RaisedBefore() {}

  private record Of(UUID run, RaisedBefore findings) {}

  private record Place(String symbol, String window, long start) {}

  /**
   * The last that was written of a bar and a rule.
   *
   * @param symbol the bar's symbol
   * @param window name of its window
   * @param start its start, epoch microseconds
   * @param rule name of the rule
   * @param severity its severity
   * @param withdrawn whether a late trade had undone it
   */
  record Finding(String symbol, String window, long start, String rule, String severity, boolean withdrawn)
      implements Serializable {}

  /** Return what is left of a run's, whichever of its batches asks. */
  static RaisedBefore of(QueryInfo query, List<Finding> findings) {
    UUID run = query.getRunId();
    return OF_QUERIES
        .compute(query.getQueryId(), (id, known) -> known != null && known.run.equals(run) ? known : new Of(run, from(findings)))
        .findings;
  }

  private static RaisedBefore from(List<Finding> findings) {
    RaisedBefore before = new RaisedBefore();
    for (Finding finding : findings) {
      int severity = finding.withdrawn ? -1 : Analysis.SEVERITIES.indexOf(finding.severity);
      Place place = new Place(finding.symbol, finding.window, finding.start);
      before.severities.computeIfAbsent(place, key -> new HashMap<>()).put(finding.rule, severity);
    }
    return before;
  }

  /** Add to a bar what was raised of it, once; return whether there was anything. */
  boolean recall(String symbol, String window, Bar bar) {
    if (severities.isEmpty()) {
      return false;
    }
    Map<String, Integer> found = severities.remove(new Place(symbol, window, bar.start));
    if (found == null) {
      return false;
    }
    bar.raised = bar.raised == null ? new RaisedFindings() : bar.raised;
    bar.raised.recall(found);
    return true;
  }
}
