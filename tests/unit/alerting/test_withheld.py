"""What is summed up in the next alert."""

from __future__ import annotations

from mdstream.alerting.counts import Withheld
from tests.unit.alerting.alerts import alert, minute


def test_each_anomaly_is_counted_once_by_its_cause() -> None:
    withheld = Withheld()
    assert [withheld.add(alert(window_start=minute(number)), "held back") for number in (1, 1, 2, 3)] == [
        True,
        False,
        True,
        True,
    ]
    withheld.add(alert(window_start=minute(4)), "lost")

    assert withheld.summary_for(alert()) == "3 more alerts held back, 1 lost"
    withheld.summed_up()
    assert withheld.summary_for(alert()) == ""
    # A later revision of what people were told of already.
    assert not withheld.add(alert(window_start=minute(1)), "held back")
    assert withheld.summary_for(alert()) == ""


def test_an_alert_is_not_among_the_others() -> None:
    withheld = Withheld()
    withheld.add(alert(), "lost")
    withheld.add(alert(symbol="MSFT"), "lost")

    assert withheld.summary_for(alert()) == "1 more alert lost"


def test_does_not_grow_for_ever() -> None:
    withheld = Withheld()
    for number in range(10_050):
        withheld.add(alert(symbol=f"S{number}"), "held back")

    assert withheld.summary_for(alert()) == "10000 more alerts held back"


def test_what_comes_while_an_alert_is_sent_is_in_the_next_one() -> None:
    withheld = Withheld()
    withheld.add(alert(symbol="A"), "held back")
    withheld.summary_for(alert())
    withheld.add(alert(symbol="B"), "held back")
    withheld.summed_up()

    assert withheld.summary_for(alert()) == "1 more alert held back"
