"""What people are told about one anomaly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mdstream.schemas import ANOMALY
from mdstream.schemas.checking import RecordCheck
from mdstream.schemas.keys import alert_cooldown_key, alert_sent_key
from mdstream.schemas.wire import from_micros, to_micros

_CHECK = RecordCheck(ANOMALY)


@dataclass(frozen=True)
class Alert:
    """An anomaly as people are told about it.

    Attributes:
        symbol: Instrument.
        rule: Name of the rule that found it.
        severity: low, medium, high or critical.
        window: Name of the bar's window.
        window_start: First instant of the bar's window.
        message: What happened.
        detected_time: When it was found.
        withdrawn: A late trade has undone it: nobody is to be told any more.
    """

    symbol: str
    rule: str
    severity: str
    window: str
    window_start: datetime
    message: str
    detected_time: datetime
    withdrawn: bool = False

    @property
    def cooldown_key(self) -> str:
        """What of it keeps quiet for a time after an alert: the symbol and the rule."""
        return alert_cooldown_key(self.symbol, self.rule)

    @property
    def sent_key(self) -> str:
        """What of it makes it this anomaly and no other, whatever the revision of its bar."""
        return alert_sent_key(self.symbol, self.rule, self.window, to_micros(self.window_start))

    @property
    def age_seconds(self) -> float:
        """Time since it was found."""
        return (datetime.now(UTC) - self.detected_time).total_seconds()

    @property
    def title(self) -> str:
        """What it is about, in a few words."""
        return f"{self.symbol} {self.rule}, {self.window} bar of {self.window_start:%Y-%m-%d %H:%M:%S} UTC"


def parse_alert(value: bytes | None) -> Alert:
    """Read the JSON of an anomaly from its topic.

    Raises:
        MalformedRecordError: It is not an anomaly.
    """
    fields = _CHECK.read(value)
    return Alert(
        symbol=fields["symbol"],
        rule=fields["rule"],
        severity=fields["severity"],
        window=fields["window"],
        window_start=from_micros(fields["window_start"]),
        message=fields["message"],
        detected_time=from_micros(fields["detected_time"]),
        withdrawn=bool(fields.get("withdrawn")),
    )
