"""Settings of the feeds of market data."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from mdstream.config.extensible import ExtensibleSection
from mdstream.config.section import Seconds, Section
from mdstream.extensions import FEEDS, ExtensionPoint


class BinanceSettings(Section):
    """Binance's public trades and quotes."""

    url: str = Field(
        "wss://stream.binance.com:9443/stream",
        pattern="^wss?://",
        description="combined stream; in the United States wss://stream.binance.us:9443/stream",
    )
    quotes: bool = Field(False, description="bring best bid and ask, too, into `quote_data`")


class SyntheticSettings(Section):
    """The made-up market."""

    quotes: bool = Field(False, description="bring the best bid and ask, too, into `quote_data`: one a tick")


class MassiveSettings(Section):
    """Massive, formerly Polygon.io."""

    url: str = Field(
        "wss://socket.massive.com/stocks",
        pattern="^wss?://",
        description="with a plan of delayed data wss://delayed.massive.com/stocks",
    )
    rest_url: str = Field("https://api.massive.com", pattern="^https?://", description="past trades and bars")
    api_key: SecretStr = Field(SecretStr(""), description="key of the account, for the live feed and the past")
    calls_per_minute: int | None = Field(
        5, ge=1, description="calls of a back-fill that the plan allows: 5 on the free one, null for no limit"
    )
    fill_gaps: bool = Field(
        True, description="after a reconnect, fetch what was missed over REST, if the plan includes trades there"
    )
    quotes: bool = Field(
        False, description="bring best bid and ask of all exchanges, too, into `quote_data`, if the plan includes them"
    )


class FinageSettings(Section):
    """Finage."""

    address: str = Field(
        "", pattern="^(wss?://.*)?$", description="server that Finage assigned, e.g. wss://xs68rzvrjn.finage.ws:7003"
    )
    socket_key: SecretStr = Field(SecretStr(""), description="key of the sockets, which is not that of the REST API")


class FmpSettings(Section):
    """Financial Modeling Prep."""

    url: str = Field(
        "wss://websockets.financialmodelingprep.com",
        pattern="^wss?://",
        description="stocks; crypto pairs are at wss://crypto.financialmodelingprep.com, forex at wss://forex. of it",
    )
    api_key: SecretStr = Field(SecretStr(""), description="key of the account")


class AlphaVantageSettings(Section):
    """Alpha Vantage, with the limits of the free plan."""

    url: str = Field("https://www.alphavantage.co/query", pattern="^https?://", description="where it is asked")
    api_key: SecretStr = Field(SecretStr(""), description="key of the account")
    calls_per_minute: int = Field(5, ge=1, description="most calls a minute; 75 and more with a premium plan")
    calls_per_day: int | None = Field(
        25, ge=1, description="most calls in 24 hours, spread over them; null for no limit"
    )
    poll_seconds: Seconds = Field(60, description="how often a symbol is asked for, where the limits allow it")
    entitlement: Literal["", "delayed", "realtime"] = Field(
        "", description="premium: data that are 15 minutes old, or new; without, those of the day before"
    )


class FeedSettings(ExtensibleSection):
    """Where market data come from, with a section for each feed of another package."""

    extension_point: ClassVar[ExtensionPoint] = FEEDS

    binance: BinanceSettings = BinanceSettings()
    massive: MassiveSettings = MassiveSettings()
    finage: FinageSettings = FinageSettings()
    fmp: FmpSettings = FmpSettings()
    alphavantage: AlphaVantageSettings = AlphaVantageSettings()
    synthetic: SyntheticSettings = SyntheticSettings()
