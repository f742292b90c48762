package mdstream.engine;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.util.ArrayData;
import scala.collection.immutable.Seq;

/**
 * Users' rules, as Spark has analysed and optimised them, to be asked bar by bar.
 *
 * <p>They are the Columns of {@code mdstream.transforms.with_findings}: within the operator, because only it knows what has been
 * raised of a bar, and which bars a late trade has changed.
 */
public final class Rules implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int FIELDS = 5;

  private final List<Seq<Expression>> expressions = new ArrayList<>();
  private final List<Seq<Attribute>> inputs = new ArrayList<>();

  /**
   * What a rule finds in a bar.
   *
   * @param rule its name
   * @param severity one of the four
   * @param value what it looked at; NaN for none
   * @param threshold what that was held against; NaN for none
   * @param message for people; null for none
   */
  record Finding(String rule, String severity, double value, double threshold, String message) {}

  /**
   * Take the rules from a frame.
   *
   * @param found made of a frame without rows whose columns are those of an analysed bar; for {@link Asked#of} its one column is
   *     what {@code with_findings} adds
   */
  Rules(Dataset<Row> found) {
    LogicalPlan plan = found.queryExecution().optimizedPlan();
    while (plan instanceof Project project) {
      expressions.add(asExpressions(project.projectList()));
      inputs.add(project.child().output());
      plan = project.child();
    }
    Collections.reverse(expressions);
    Collections.reverse(inputs);
  }

  @SuppressWarnings("unchecked")
  private static Seq<Expression> asExpressions(Seq<NamedExpression> named) {
    return (Seq<Expression>) (Seq<?>) named;
  }

  /** Return what asks the rules; it is for one thread. */
  Asked ask() {
    List<UnsafeProjection> steps = new ArrayList<>();
    for (int step = 0; step < expressions.size(); step++) {
      steps.add(UnsafeProjection.create(expressions.get(step), inputs.get(step)));
      steps.get(step).initialize(0);
    }
    return new Asked(steps);
  }

  /** The rules, ready to be asked. */
  record Asked(List<UnsafeProjection> steps) {
    /** Return the frame's columns for a bar; they are good until the next is asked for. */
    InternalRow answer(InternalRow bar) {
      InternalRow row = bar;
      for (UnsafeProjection step : steps) {
        row = step.apply(row);
      }
      return row;
    }

    List<Finding> of(InternalRow bar) {
      ArrayData found = answer(bar).getArray(0);
      int count = found.numElements();
      if (count == 0) {
        return List.of();
      }
      List<Finding> findings = new ArrayList<>(count);
      for (int place = 0; place < count; place++) {
        findings.add(finding(found.getStruct(place, FIELDS)));
      }
      return findings;
    }

    private static Finding finding(InternalRow struct) {
      return new Finding(text(struct, 0), text(struct, 1), number(struct, 2), number(struct, 3), text(struct, 4));
    }

    private static String text(InternalRow struct, int field) {
      return struct.isNullAt(field) ? null : struct.getUTF8String(field).toString();
    }

    private static double number(InternalRow struct, int field) {
      return struct.isNullAt(field) ? Double.NaN : struct.getDouble(field);
    }
  }
}
