"""What people are told about one anomaly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mdstream.schemas import ANOMALY
from mdstream.schemas.keys import alert_cooldown_key, alert_sent_key
from mdstream.schemas.wire import decode, to_micros


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
    """

    symbol: str
    rule: str
    severity: str
    window: str
    window_start: datetime
    message: str
    detected_time: datetime

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
        ValueError: It is not an anomaly.
    """
    try:
        fields = decode(ANOMALY, value or b"")
    except OverflowError as exc:
        raise ValueError(str(exc)) from exc
    texts = {name: fields[name] for name in ("symbol", "rule", "severity", "window", "message")}
    times = {name: fields[name] for name in ("window_start", "detected_time")}
    wrong = [name for name, found in texts.items() if not isinstance(found, str)]
    wrong += [name for name, found in times.items() if not isinstance(found, datetime)]
    if wrong:
        raise ValueError(f"not usable in it: {', '.join(wrong)}")
    return Alert(**texts, **times)  # type: ignore[arg-type]  # checked above
