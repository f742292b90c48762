"""What the live engine makes of bars: indicators by TA-Lib's own code, findings by the users' rules."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from mdstream.config import Settings
from mdstream.indicators import Indicator, analysed_schema, bars_needed, indicator_levels
from mdstream.indicators.library import talib_library
from mdstream.indicators.values import LATENCY
from mdstream.kafka.raised import RaisedFinding
from mdstream.schemas.rules import Rule
from mdstream.transforms.anomalies import FINDINGS, to_severities, with_findings

logger = logging.getLogger(__name__)

_MICROS = {"revision": 0, "close": -1}
_MILLISECOND = 1_000


@dataclass(frozen=True)
class Analysis:
    """What is made of bars.

    Attributes:
        indicators: What is computed.
        rules: What is looked for; `mdstream.streaming.check_rules` says whether they can be used.
        history_bars: Bars that are kept of a symbol and window, the forming one included.
        every: `revision`, `close`, or the least time between two provisional values of a series, e.g. `100ms`.
        judged_until: Epoch microseconds: how long a bar took is not judged if its newest trade had arrived by then.
        raised: Findings that were written before the start and may not be in the state.
    """

    indicators: tuple[Indicator, ...]
    rules: tuple[Rule, ...]
    history_bars: int
    every: str = "revision"
    judged_until: int = 0
    raised: Sequence[RaisedFinding] = ()

    @classmethod
    def of(
        cls, settings: Settings, rules: Sequence[Rule], judged_until: int = 0, raised: Sequence[RaisedFinding] = ()
    ) -> Analysis:
        """Return what the settings ask for."""
        every = settings.spark.live_indicators
        return cls(settings.indicators, tuple(rules), settings.history_bars, every, judged_until, raised)


@dataclass(frozen=True)
class AnalysisPlan:
    """An analysis as the operator takes it.

    Attributes:
        plan: Of the operator's, in the JVM.
        thinned: Returns how many revisions of forming bars were passed over, as newer ones had come.
    """

    plan: Any
    thinned: Callable[[], int]


def plan_analysis(spark: SparkSession, engine: Any, analysis: Analysis) -> AnalysisPlan:  # noqa: ANN401
    """Hand an analysis over to the JVM.

    Args:
        spark: A session that has the engine's jar.
        engine: The engine's Java package.
        analysis: What is made of bars.

    Raises:
        MissingDependencyError: TA-Lib's C library is not there.
    """
    library = talib_library()
    context: Any = spark.sparkContext
    if library.name not in {name.rpartition("/")[2] for name in context.listFiles}:
        context.addFile(str(library))
    bars = _no_bars(spark, analysis.indicators)
    levels, prompt = indicator_levels(analysis.indicators), _prompt_rules(analysis)
    found = bars.transform(with_findings, analysis.rules, levels).select(FINDINGS)
    severities = bars.transform(to_severities, prompt, levels)._jdf if prompt else None  # noqa: SLF001
    thinned, too_old = (context._jsc.sc().longAccumulator(name) for name in ("thinned", "too_old"))  # noqa: SLF001
    text = json.dumps(_described(analysis, library.name))
    plan = engine.AnalysisPlan.full(text, bars._jdf, found._jdf, severities, thinned, too_old)  # noqa: SLF001
    return AnalysisPlan(plan, lambda: int(thinned.value()))


def _prompt_rules(analysis: Analysis) -> list[Rule]:
    """Return the rules that judge a forming bar by itself and the bars before: each of its revisions can be asked."""
    # The latency of a bar is the longest since it was last judged: none is missed.
    others = [LATENCY.name, *(column for indicator in analysis.indicators for column in indicator.columns)]
    is_asked = analysis.every != "close"
    return [rule for rule in analysis.rules if is_asked and rule.on == "revision" and not rule.is_judged_by(others)]


def _no_bars(spark: SparkSession, indicators: Sequence[Indicator]) -> DataFrame:
    """Return analysed bars, and none of them."""
    # Not a list: Spark would see that there are no rows and look no further.
    return spark.createDataFrame(spark.sparkContext.emptyRDD(), from_arrow_schema(analysed_schema(indicators)))


def _described(analysis: Analysis, library: str) -> dict[str, object]:
    every = analysis.every
    return {
        "library": library,
        "history": analysis.history_bars,
        "context": context_of(analysis.indicators, analysis.history_bars),
        "every_micros": _MICROS[every] if every in _MICROS else int(every.removesuffix("ms")) * _MILLISECOND,
        "judged_until": analysis.judged_until,
        "raised": [asdict(finding) for finding in analysis.raised],
        "indicators": [
            {
                "function": indicator.function,
                "inputs": indicator.inputs,
                "parameters": [float(value) for _, value in indicator.parameters],
                "lookback": indicator.lookback,
                "columns": indicator.columns,
            }
            for indicator in analysis.indicators
        ],
        "on_close": [rule.name for rule in analysis.rules if rule.on == "close"],
        "of_latency": [rule.name for rule in analysis.rules if rule.is_of_latency],
    }


def context_of(indicators: Iterable[Indicator], history_bars: int) -> int:
    """Return how many bars a bar needs before it, and say which indicators need more than there will be.

    Args:
        indicators: What is computed.
        history_bars: Bars that are kept of a symbol and window.
    """
    needed = {indicator: bars_needed(indicator) for indicator in indicators}
    for indicator, bars in needed.items():
        if bars is None:
            logger.warning(
                "%s depends on where its series begins: in the stream that is %d bars back (history_bars)",
                indicator,
                history_bars,
            )
        elif bars > history_bars:
            logger.warning(
                "%s is exact with %d bars, but history_bars is %d: set history_bars to %d or more",
                indicator,
                bars,
                history_bars,
                bars,
            )
    longest = max((bars for bars in needed.values() if bars is not None), default=1)
    # Of what is kept at least half can still be revised.
    return min(longest - 1, history_bars // 2)
