"""The live engine's operator in tasks that are told the end of their batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from pyspark.sql import DataFrame

from mdstream.schemas import ANOMALY
from mdstream.schemas.wire import decode, to_micros
from tests.unit.transforms.frames import Row, at

Java: TypeAlias = Any


class ToldTask:
    """Ticks come to the operator as in real-time mode, where the end of a batch may leave something to the next one.

    Without a stream: Spark's tester of stateful processors calls it, and holds its state.
    """

    def __init__(self, records: DataFrame) -> None:
        spark = records.sparkSession
        jvm: Java = spark._jvm
        self._jvm: Java = jvm
        self._spark: Java = jvm.org.apache.spark
        self._no_values = spark.sparkContext._gateway.new_array(jvm.java.lang.Object, 0)  # type: ignore[union-attr]
        self._converters = jvm.scala.jdk.javaapi.CollectionConverters
        self._nothing = getattr(getattr(jvm.scala, "None$"), "MODULE$")
        streaming = self._spark.sql.streaming
        self._modes = streaming.OutputMode.Update(), getattr(streaming.TimeMode, "None")()
        plan: Java = records._jdf.queryExecution().analyzed()
        while plan.getClass().getSimpleName() != "TransformWithState":
            plan = plan.children().head()
        self._operator = plan.statefulProcessor()
        mode, time_mode = self._modes
        self._tester = streaming.TwsTester(self._operator, self._list_of(), time_mode, mode, self._nothing)
        self._end = self._operator.getClass().getClassLoader().loadClass("mdstream.engine.BatchEnd")

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Within it ticks come, as in one task of a real-time batch."""
        tasks = getattr(getattr(self._spark, "TaskContext$"), "MODULE$")
        task = tasks.empty()
        tasks.setTaskContext(task)
        try:
            end = self._call("ofThisTask", None)
            self._operator.init(*self._modes)
            yield
            self._call("reached", end)
        finally:
            task.markTaskCompleted(self._nothing)
            tasks.unset()

    def comes(self, number: int, second: float, price: float) -> list[Row]:
        """Let a trade come; return the records of findings."""
        tick = self._jvm.mdstream.engine.Tick()
        micros = to_micros(at(second))
        for name, value in {
            "EventTime": micros, "IngestTime": micros, "Price": price, "Size": 1.0, "Offset": number,
            "Sequence": number, "May": 15,
        }.items():  # fmt: skip
            getattr(tick, f"set{name}")(value)
        return self._found_with("A", tick)

    def is_idle(self) -> list[Row]:
        """Let the source say that no tick waits; return the records of findings."""
        return self._found_with("", self._jvm.mdstream.engine.Tick())

    def _found_with(self, key: str, tick: Java) -> list[Row]:
        records = self._converters.asJava(self._tester.test(key, self._list_of(tick)))
        return [decode(ANOMALY, bytes(record._3())) for record in records if record._1() == ANOMALY.topic]

    def _list_of(self, *values: Java) -> Java:
        listed = self._jvm.java.util.ArrayList()
        for value in values:
            listed.add(value)
        return self._converters.asScala(listed).toList()

    def _call(self, name: str, end: Java) -> Java:
        method = next(each for each in self._end.getDeclaredMethods() if each.getName() == name)
        method.setAccessible(True)
        return method.invoke(end, self._no_values)
