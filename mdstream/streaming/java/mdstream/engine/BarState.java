package mdstream.engine;

/** A bar as the state store holds it: times from the bar's start on, and what is equal only once. */
final class BarState {
  private static final int OPEN_ELIGIBLE = 1;
  private static final int CLOSE_ELIGIBLE = 2;
  private static final int SOME_SET_HIGH_LOW = 4;
  private static final int ALL_SET_HIGH_LOW = 8;
  private static final int ALL_WEIGH = 16;
  private static final int ALL_COUNT = 32;

  private BarState() {}

  static void write(Bar bar, StateWriter out) {
    int flags = flagsOf(bar);
    out.number(bar.start);
    RaisedFindings.write(bar.raised, out);
    out.number(flags);
    out.number(bar.tradeCount);
    out.number(bar.lastEventTime - bar.start);
    out.number(bar.lastIngestTime - bar.start);
    write(bar.open, bar.start, out);
    write(bar.close, bar.start, out);
    out.price(bar.anyHigh);
    out.price(bar.anyLow);
    write(bar.anySize, out);
    write(bar.anyNotional, out);
    if ((flags & SOME_SET_HIGH_LOW) != 0 && (flags & ALL_SET_HIGH_LOW) == 0) {
      out.price(bar.eligibleHigh);
      out.price(bar.eligibleLow);
    }
    if ((flags & ALL_WEIGH) == 0) {
      write(bar.eligibleSize, out);
      write(bar.eligibleNotional, out);
    }
    if ((flags & ALL_COUNT) == 0) {
      write(bar.volume, out);
    }
  }

  private static int flagsOf(Bar bar) {
    int flags = 0;
    flags |= bar.open.eligible ? OPEN_ELIGIBLE : 0;
    flags |= bar.close.eligible ? CLOSE_ELIGIBLE : 0;
    flags |= Double.isNaN(bar.eligibleHigh) ? 0 : SOME_SET_HIGH_LOW;
    flags |= bar.eligibleHigh == bar.anyHigh && bar.eligibleLow == bar.anyLow ? ALL_SET_HIGH_LOW : 0;
    boolean weigh = same(bar.eligibleSize, bar.anySize) && same(bar.eligibleNotional, bar.anyNotional);
    flags |= weigh ? ALL_WEIGH : 0;
    flags |= same(bar.volume, bar.anySize) ? ALL_COUNT : 0;
    return flags;
  }

  private static boolean same(Bar.Sum left, Bar.Sum right) {
    return left.whole == right.whole && left.rest == right.rest;
  }

  private static void write(Bar.Sum sum, StateWriter out) {
    out.number(sum.whole);
    out.number(sum.rest);
  }

  private static void write(Bar.Trade trade, long start, StateWriter out) {
    out.price(trade.price);
    out.number(trade.eventTime - start);
    out.number(trade.offset);
    out.number(trade.sequence - trade.offset);
    out.number(trade.partition);
  }

  static Bar read(StateReader in) {
    Bar bar = new Bar(in.number());
    bar.raised = RaisedFindings.read(in);
    int flags = (int) in.number();
    bar.tradeCount = in.number();
    bar.lastEventTime = bar.start + in.number();
    bar.lastIngestTime = bar.start + in.number();
    read(bar.open, bar.start, in);
    read(bar.close, bar.start, in);
    bar.open.eligible = (flags & OPEN_ELIGIBLE) != 0;
    bar.close.eligible = (flags & CLOSE_ELIGIBLE) != 0;
    bar.anyHigh = in.price();
    bar.anyLow = in.price();
    read(bar.anySize, in);
    read(bar.anyNotional, in);
    if ((flags & ALL_SET_HIGH_LOW) != 0) {
      bar.eligibleHigh = bar.anyHigh;
      bar.eligibleLow = bar.anyLow;
    } else if ((flags & SOME_SET_HIGH_LOW) != 0) {
      bar.eligibleHigh = in.price();
      bar.eligibleLow = in.price();
    }
    if ((flags & ALL_WEIGH) != 0) {
      copy(bar.anySize, bar.eligibleSize);
      copy(bar.anyNotional, bar.eligibleNotional);
    } else {
      read(bar.eligibleSize, in);
      read(bar.eligibleNotional, in);
    }
    if ((flags & ALL_COUNT) != 0) {
      copy(bar.anySize, bar.volume);
    } else {
      read(bar.volume, in);
    }
    return bar;
  }

  private static void read(Bar.Sum sum, StateReader in) {
    sum.whole = in.number();
    sum.rest = in.number();
  }

  private static void copy(Bar.Sum from, Bar.Sum to) {
    to.whole = from.whole;
    to.rest = from.rest;
  }

  private static void read(Bar.Trade trade, long start, StateReader in) {
    trade.price = in.price();
    trade.eventTime = start + in.number();
    trade.offset = in.number();
    trade.sequence = trade.offset + in.number();
    trade.partition = (int) in.number();
  }
}
