package mdstream.engine;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;

/** TA-Lib's C library, the one that Python's TA-Lib brings with it, by its abstract interface ({@code ta_abstract.h}). */
@SuppressWarnings("resource")
final class TaLib {
  private static String loaded;

  private TaLib() {}

  /** Load the library, once in a process. */
  static synchronized void load(String file) {
    if (loaded != null) {
      return;
    }
    Native.register(TaLib.class, NativeLibrary.getInstance(file));
    check(TA_Initialize(), "TA_Initialize");
    loaded = file;
  }

  /** Return what a function of the interface gives back by its last argument. */
  static Pointer given(PointerByReference place, int code, String what) {
    check(code, what);
    return place.getValue();
  }

  static void check(int code, String what) {
    if (code != 0) {
      throw new IllegalStateException("TA-Lib answered " + code + " to " + what);
    }
  }

  static native int TA_Initialize();

  static native int TA_GetFuncHandle(String name, PointerByReference handle);

  static native int TA_GetFuncInfo(Pointer handle, PointerByReference info);

  static native int TA_GetInputParameterInfo(Pointer handle, int index, PointerByReference info);

  static native int TA_GetOptInputParameterInfo(Pointer handle, int index, PointerByReference info);

  static native int TA_GetOutputParameterInfo(Pointer handle, int index, PointerByReference info);

  static native int TA_ParamHolderAlloc(Pointer handle, PointerByReference params);

  static native int TA_ParamHolderFree(Pointer params);

  static native int TA_SetInputParamPricePtr(
      Pointer params,
      int index,
      Pointer open,
      Pointer high,
      Pointer low,
      Pointer close,
      Pointer volume,
      Pointer openInterest);

  static native int TA_SetInputParamRealPtr(Pointer params, int index, Pointer values);

  static native int TA_SetOptInputParamInteger(Pointer params, int index, int value);

  static native int TA_SetOptInputParamReal(Pointer params, int index, double value);

  static native int TA_SetOutputParamIntegerPtr(Pointer params, int index, Pointer values);

  static native int TA_SetOutputParamRealPtr(Pointer params, int index, Pointer values);

  static native int TA_CallFunc(Pointer params, int start, int end, Pointer begin, Pointer count);
}
