package mdstream.engine;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.DoubleBuffer;
import java.nio.IntBuffer;
import java.util.Map;

/**
 * One function of TA-Lib with its parameters, bound to the arrays that it reads and writes.
 *
 * <p>JNA frees its memory with the objects that hold it.
 */
@SuppressWarnings("resource")
final class TaFunction implements AutoCloseable {
  // Layouts of ta_abstract.h: TA_FuncInfo, TA_InputParameterInfo, TA_OptInputParameterInfo, TA_OutputParameterInfo.
  private static final int INPUTS_OF_FUNCTION = 28;
  private static final int PARAMETERS_OF_FUNCTION = 32;
  private static final int OUTPUTS_OF_FUNCTION = 36;
  private static final int TYPE = 0;
  private static final int FLAGS = 16;
  private static final int PRICES = 0;
  private static final int WHOLE_RANGE = 2;
  private static final int WHOLE_LIST = 3;
  private static final int WHOLE_OUTPUT = 1;

  private final int lookback;
  private final Pointer params;
  private final Memory begin = new Memory(Integer.BYTES);
  private final Memory count = new Memory(Integer.BYTES);
  private final Memory[] memories;
  private final DoubleBuffer[] reals;
  private final IntBuffer[] wholes;
  private int from;
  private int until;

  /**
   * Bind a function.
   *
   * @param asked which, with which parameters
   * @param series the arrays of a bar's open, high, low, close and volume, by name
   * @param most how many bars the arrays hold
   */
  TaFunction(IndicatorSpec asked, Map<String, Memory> series, int most) {
    lookback = asked.lookback();
    Pointer handle = ask(place -> TaLib.TA_GetFuncHandle(asked.function(), place), asked.function());
    Pointer info = ask(place -> TaLib.TA_GetFuncInfo(handle, place), asked.function());
    params = ask(place -> TaLib.TA_ParamHolderAlloc(handle, place), asked.function());
    bindInputs(asked, handle, info.getInt(INPUTS_OF_FUNCTION), series);
    bindParameters(asked, handle, info.getInt(PARAMETERS_OF_FUNCTION));
    int outputs = info.getInt(OUTPUTS_OF_FUNCTION);
    memories = new Memory[outputs];
    reals = new DoubleBuffer[outputs];
    wholes = new IntBuffer[outputs];
    for (int output = 0; output < outputs; output++) {
      bindOutput(handle, output, most);
    }
  }

  private interface Question {
    int ask(PointerByReference place);
  }

  private static Pointer ask(Question question, String function) {
    PointerByReference place = new PointerByReference();
    return TaLib.given(place, question.ask(place), "a question about " + function);
  }

  private void bindInputs(IndicatorSpec asked, Pointer handle, int inputs, Map<String, Memory> series) {
    int next = 0;
    for (int input = 0; input < inputs; input++) {
      int index = input;
      Pointer info = ask(place -> TaLib.TA_GetInputParameterInfo(handle, index, place), asked.function());
      if (info.getInt(TYPE) == PRICES) {
        Memory open = series.get("open");
        int code =
            TaLib.TA_SetInputParamPricePtr(
                params,
                input,
                open,
                series.get("high"),
                series.get("low"),
                series.get("close"),
                series.get("volume"),
                open);
        TaLib.check(code, "the bars for " + asked.function());
        next += Integer.bitCount(info.getInt(FLAGS));
      } else {
        Memory values = series.get(asked.inputs().get(next++));
        TaLib.check(TaLib.TA_SetInputParamRealPtr(params, input, values), "the series for " + asked.function());
      }
    }
  }

  private void bindParameters(IndicatorSpec asked, Pointer handle, int parameters) {
    for (int parameter = 0; parameter < parameters; parameter++) {
      int index = parameter;
      Pointer info = ask(place -> TaLib.TA_GetOptInputParameterInfo(handle, index, place), asked.function());
      int type = info.getInt(TYPE);
      double value = asked.parameters().get(parameter);
      int code =
          type == WHOLE_RANGE || type == WHOLE_LIST
              ? TaLib.TA_SetOptInputParamInteger(params, parameter, (int) value)
              : TaLib.TA_SetOptInputParamReal(params, parameter, value);
      TaLib.check(code, "parameter " + value + " of " + asked.function());
    }
  }

  private void bindOutput(Pointer handle, int output, int most) {
    Pointer info = ask(place -> TaLib.TA_GetOutputParameterInfo(handle, output, place), "an output");
    boolean whole = info.getInt(TYPE) == WHOLE_OUTPUT;
    Memory memory = memories[output] = new Memory((long) most * Double.BYTES);
    int code;
    if (whole) {
      wholes[output] = memory.getByteBuffer(0, memory.size()).asIntBuffer();
      code = TaLib.TA_SetOutputParamIntegerPtr(params, output, memory);
    } else {
      reals[output] = memory.getByteBuffer(0, memory.size()).asDoubleBuffer();
      code = TaLib.TA_SetOutputParamRealPtr(params, output, memory);
    }
    TaLib.check(code, "an output");
  }

  int outputs() {
    return memories.length;
  }

  /** Compute over the first `bars` of the arrays. */
  void compute(int bars) {
    from = until = 0;
    if (bars <= lookback) {
      return;
    }
    TaLib.check(TaLib.TA_CallFunc(params, 0, bars - 1, begin, count), "a calculation");
    from = begin.getInt(0);
    until = from + count.getInt(0);
  }

  /** Return an output's value at a bar; NaN if there is none, or an infinite one. */
  double value(int output, int bar) {
    if (bar < from || bar >= until || bar < lookback) {
      return Double.NaN;
    }
    double value = reals[output] == null ? wholes[output].get(bar - from) : reals[output].get(bar - from);
    return Double.isInfinite(value) ? Double.NaN : value;
  }

  @Override
  public void close() {
    TaLib.TA_ParamHolderFree(params);
  }
}
