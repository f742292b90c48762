"""Settings of the feeds of market data."""

from __future__ import annotations

from pydantic import Field, SecretStr

from mdstream.config.section import Section


class BinanceSettings(Section):
    """Binance's public trades."""

    url: str = Field(
        "wss://stream.binance.com:9443/stream",
        pattern="^wss?://",
        description="combined stream; in the United States wss://stream.binance.us:9443/stream",
    )


class MassiveSettings(Section):
    """Massive, formerly Polygon.io."""

    url: str = Field(
        "wss://socket.massive.com/stocks",
        pattern="^wss?://",
        description="with a plan of delayed data wss://delayed.massive.com/stocks",
    )
    api_key: SecretStr = SecretStr("")


class FinageSettings(Section):
    """Finage."""

    address: str = Field(
        "", pattern="^(wss?://.*)?$", description="server that Finage assigned, e.g. wss://xs68rzvrjn.finage.ws:7003"
    )
    socket_key: SecretStr = SecretStr("")


class FeedSettings(Section):
    """Where market data come from."""

    binance: BinanceSettings = BinanceSettings()
    massive: MassiveSettings = MassiveSettings()
    finage: FinageSettings = FinageSettings()
