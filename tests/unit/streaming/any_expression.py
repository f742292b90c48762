"""Any expression over a bar, and bars with whatever values they can have: what no rule may stop at."""

from __future__ import annotations

from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from mdstream.schemas.limits import LAST_MICROSECOND

_VALUES = {
    "close": "NULL 0D -0D 1.5D -1D 1e308 -1e308 4.9e-324 double('NaN') double('Infinity') double('-Infinity')",
    "trade_count": "NULL 0L 1L -1L 9223372036854775807L (-9223372036854775807L-1)",
    "symbol": f"NULL '' 'AAPL' 'X:BTC-USD' '{'9' * 32}' '294247-01-10' 'ŉİß' '1e999' '{'a' * 31}!'",
    "window_start": f"NULL timestamp_micros(0) timestamp_micros({LAST_MICROSECOND}) timestamp'2026-03-08'",
}
_VALUES |= {"open": _VALUES["close"], "window": _VALUES["symbol"], "window_end": _VALUES["window_start"]}


def hard_bars(spark: SparkSession) -> DataFrame:
    """Bars whose columns have every value that is hard on some function, in more than one combination."""
    columns = []
    for place, (name, values) in enumerate(_VALUES.items()):
        listed = values.split()
        chosen = f"int((id * {place + 1} + id div {place + 5}) % {len(listed)})"
        columns.append(f"get(array({', '.join(listed)}), {chosen}) AS {name}")
    return spark.range(97).repartition(1).selectExpr(*columns)


# What stands for a number, a whole number, a text, a time or a truth: n, i, s, t or b; x stands for any of them.
_SIMPLE = {
    "n": "close open 0.5 1e0 2 -1.25 double('NaN') 99999999999999999999.5",
    "i": "trade_count 1 -3 0 hour(window_start) 9223372036854775807 2147483647",
    "s": "symbol window 'A' '12' '' '2026-01-01' '12:00' '(a+)+$'",
    "t": "window_start window_end now() timestamp'2026-01-01' try_cast(symbol%AS%timestamp)",
    "b": "close>1 true symbol%IS%NULL trade_count<=>1 symbol%RLIKE%'^[A-Z]+$'",
}
_SHAPES = {
    "n": """
        ({n}+{n}) ({n}-{n}) ({n}*{n}) ({n}/{n}) ({n}%%{n}) ({i}*{n}) ({i}/{i}) -{n} abs({n}) sign({n}) negative({n})
        positive({n}) ceil({n}) floor({n}) round({n}) round({n},2) sqrt({n}) cbrt({n}) exp({n}) expm1({n}) ln({n})
        log({n}) log10({n}) log1p({n}) log2({n}) pow({n},{n}) log({n},{n}) hypot({n},{i}) mod({n},{n}) nanvl({n},{n})
        log2({i}) try_add({n},{n}) try_subtract({n},{n}) try_multiply({n},{n}) try_divide({n},{n}) try_mod({n},{n})
        coalesce({n},{n}) nvl({n},{n}) nullif({n},{n}) least({n},{n}) greatest({n},{i}) if({b},{n},{i}) double({x})
        float({x}) decimal({n}) CAST({x}%AS%double) TRY_CAST({x}%AS%double) CAST({i}%AS%decimal(20,4))
    """,
    "i": """
        ({i}+{i}) ({i}-{i}) ({i}*{i}) ({i}%%{i}) -{i} abs({i}) mod({i},{i}) year({t}) quarter({t}) month({t}) day({t})
        dayofweek({t}) weekday({t}) dayofyear({t}) weekofyear({t}) hour({t}) minute({t}) second({t}) unix_seconds({t})
        unix_millis({t}) unix_micros({t}) hour({t}-{t}) extract(hour%FROM%{t}) extract(second%FROM%{t}-{t})
        extract(day%FROM%{t}-{t}) extract(dow%FROM%{t}) length({s}) instr({s},{s}) size(split({s},':'))
        locate({s},{s},{i}) bigint({x}) int({x}) tinyint({x}) smallint({i}) ceil({n}) floor({n}) try_add({i},{i})
        try_subtract({i},{i}) try_multiply({i},{i}) try_mod({i},{i}) greatest({i},{i}) coalesce({i},{i}) nullif({i},{i})
        nvl2({x},{i},{i}) round({i},1) CAST({t}%AS%bigint)
    """,
    "s": """
        upper({s}) lower({s}) initcap({s}) trim({s}) ltrim({s}) rtrim({s}) btrim({s}) substring({s},{i},{i})
        left({s},{i}) concat({s},{x}) ({s}||{s}) translate({s},{s},{s}) get(split({s},':'),{i}) split({s},{s})
        CAST({x}%AS%string) string({x}) nullif({s},{x}) greatest({s},{s}) get(array({s},{x}),{i})
        trim(both%{s}%from%{s}) CASE%WHEN%{b}%THEN%{s}%ELSE%{x}%END
    """,
    "t": """
        ({t}+INTERVAL%1%DAY) ({t}-INTERVAL%'100'%YEAR) ({t}+INTERVAL%'9999'%YEAR) ({t}-INTERVAL%1%MONTH%3%DAYS)
        ({t}+INTERVAL%106751991%DAYS) ({t}-{t}) ({t}+({t}-{t})) date_trunc('week',{t}) date_trunc('year',{t})
        date_trunc('x',{t}) from_utc_timestamp({t},'America/New_York') to_utc_timestamp({t},'Asia/Kathmandu') date({t})
        CAST({x}%AS%timestamp) timestamp({x}) TRY_CAST({s}%AS%date) coalesce({t},{t}) greatest({t},{t})
    """,
    "b": """
        ({x}={x}) ({n}<{i}) ({t}>={t}) ({x}<>{x}) ({x}<=>{x}) ({b}%AND%{b}) (NOT%{b}%OR%{b}) ({x}%IN%({x},{x}))
        ({n}%BETWEEN%{n}%AND%{i}) startswith({s},{s}) endswith({s},{s}) contains({s},{s}) isnan({n}) ({x}%IS%NOT%NULL)
        (symbol%LIKE%'%%A%%') (window%ILIKE%'x:%%\\\\_') array_contains(split({s},':'),{s}) boolean({x})
        array_contains(array({x},{x}),{x})
    """,
}


def expressions(depth: int = 3) -> st.SearchStrategy[str]:
    """Return expressions over the columns of `hard_bars`; most are allowed, and some fail on some bar."""
    kinds = {name: st.sampled_from(_written(simple)) for name, simple in _SIMPLE.items()}
    for _ in range(depth):
        inner = kinds | {"x": st.one_of(*kinds.values())}
        kinds = {name: kinds[name] | _filled(_written(shapes), inner) for name, shapes in _SHAPES.items()}
    return st.one_of(*kinds.values())


def _written(shapes: str) -> list[str]:
    return [shape.replace("%%", "\0").replace("%", " ").replace("\0", "%") for shape in shapes.split()]


def _filled(shapes: list[str], parts: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[str]:
    @st.composite
    def fill(draw: st.DrawFn) -> str:
        head, *behind = draw(st.sampled_from(shapes)).split("{")
        return head + "".join(draw(parts[piece[0]]) + piece[2:] for piece in behind)

    return fill()
