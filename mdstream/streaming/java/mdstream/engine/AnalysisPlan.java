package mdstream.engine;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import java.io.Serializable;
import java.util.List;
import java.util.Set;
import org.apache.spark.SparkFiles;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.LongAccumulator;

/**
 * What is made of bars.
 *
 * @param library name of TA-Lib's library among the files of the application
 * @param history bars that are kept of a symbol and window, the forming one included
 * @param context bars that a bar needs before it, where earlier ones were cut off
 * @param everyMicros least time between two provisional values of a series; 0 for each revision, below 0 for closed bars alone
 * @param judgedUntil latency of a bar is not judged anew if its newest trade had arrived by then, epoch microseconds
 * @param raised findings that were written before the start and may not be in the state
 * @param indicators what is computed
 * @param onClose rules that look at closed bars alone
 * @param ofLatency rules that look at how a bar came, which no later trade undoes
 */
public record AnalysisPlan(
    String library,
    int history,
    int context,
    long everyMicros,
    long judgedUntil,
    List<RaisedBefore.Finding> raised,
    List<IndicatorSpec> indicators,
    Set<String> onClose,
    Set<String> ofLatency)
    implements Serializable {

  private static final ObjectMapper READER =
      new ObjectMapper()
          .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES);

  /** Whether forming bars are not analysed at all. */
  boolean ofClosedAlone() {
    return everyMicros < 0;
  }

  static AnalysisPlan read(String json) {
    try {
      return READER.readValue(json, AnalysisPlan.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("no plan of an analysis: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * Add the rules, the columns that they may name, and where it is counted what was left out.
   *
   * @param severities see {@link PromptRules}; null if there is no such rule
   */
  public static Full full(
      String json,
      Dataset<Row> bars,
      Dataset<Row> found,
      Dataset<Row> severities,
      LongAccumulator thinned,
      LongAccumulator tooOld) {
    PromptRules prompt = severities == null ? null : new PromptRules(severities);
    return new Full(read(json), new Rules(found), prompt, bars.schema(), thinned, tooOld);
  }

  /** A plan with all that belongs to it. */
  public record Full(
      AnalysisPlan plan,
      Rules rules,
      PromptRules prompt,
      StructType columns,
      LongAccumulator thinned,
      LongAccumulator tooOld)
      implements Serializable {

    Indicators indicators() {
      return new Indicators(SparkFiles.get(plan.library()), plan.indicators(), plan.history() + 1);
    }
  }
}
