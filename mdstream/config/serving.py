"""Settings of the servers that others connect to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, SecretStr

from mdstream.config.section import Port, Seconds, Section
from mdstream.schemas.calendars import ROUND_THE_CLOCK
from mdstream.schemas.sources import ANY_OTHER_SYMBOL

API_KEY_NAME = r"[A-Za-z0-9._-]{1,64}"
"""What the owner of a key may be called."""

ApiKeyHash = Annotated[str, Field(pattern=rf"^{API_KEY_NAME}:[0-9a-f]{{64}}$")]
HostName = Annotated[str, Field(pattern=r"^[^\s/:@?#]+$")]
Origin = Annotated[str, Field(pattern=r"^((?i:https?)://[^/\s?#@]+|null)$")]


class RestSettings(Section):
    """Limits of the REST API."""

    requests_per_second: float = Field(
        1000, gt=0, description="most requests of one key, or without keys of one address, over time"
    )
    burst: int = Field(2000, ge=1, description="most of them at once")
    connections: int = Field(1000, ge=1, description="most open connections; for one more the idlest is closed")
    request_seconds: Seconds = Field(10, description="longest that a client may take to send a request")
    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses of reverse proxies, whose word is taken for the address of a client"
    )


class WebSocketSettings(Section):
    """Limits of the WebSocket server."""

    history_seconds: Seconds = Field(300, description="how far back it reads topics at its start, for the last state")
    history_records: int = Field(20_000, ge=0, description="most records of a partition that it reads for that")
    conflation_ms: float = Field(
        5, ge=0, le=1000, description="shortest time between two writes to a client; longer under load"
    )
    send_buffer_bytes: int = Field(
        131_072,
        ge=4096,
        description="what the system may hold for a client before newer frames replace older ones",
    )
    stalled_seconds: Seconds = Field(15, description="a client that takes nothing for so long is disconnected")
    ping_seconds: Seconds = Field(20, description="a client is asked so often whether it is there, and has as long")
    max_connections: int = Field(2000, ge=1, description="most clients at one time")
    max_half_open: int = Field(256, ge=1, description="most connections before their handshake; the oldest gives way")
    handshake_seconds: Seconds = Field(5, description="time for the handshake")
    auth_seconds: Seconds = Field(5, description="time to send the key, where one is asked for")
    max_message_bytes: int = Field(262_144, ge=1024, description="longest message of a client")
    max_subscriptions: int = Field(
        20_000, ge=1, description="most symbols that a client subscribes to; '*' is one, and so is a beginning with it"
    )
    messages_per_second: float = Field(20, gt=0, description="most messages of a client, over time")
    message_burst: int = Field(50, ge=1, description="most of them at once; one that sends more is disconnected")


class DashboardSettings(Section):
    """The dashboard: whom it asks, and what it shows."""

    rest_url: str = Field(
        "", pattern=r"^(https?://.*)?$", description="the REST API; else serving.host and serving.rest_port"
    )
    websocket_url: str = Field(
        "", pattern=r"^(wss?://.*)?$", description="the WebSocket server; else serving.host and serving.websocket_port"
    )
    api_key: SecretStr = Field(SecretStr(""), description="its own key for both, where serving.api_keys asks for one")
    history_bars: int = Field(300, ge=50, le=2000, description="most bars of a chart")
    studies: tuple[str, ...] = Field(
        ("sma", "bollinger", "rsi", "macd"),
        description="which of technical_indicators a chart shows until others are picked",
    )
    calendars: Mapping[str, str] = Field(
        {ANY_OTHER_SYMBOL: ROUND_THE_CLOCK},
        description="by symbol, `*` for all others, whose sessions changes and volumes in the list begin with: an "
        "exchange's such as XNYS, a time zone's days, or 24/7 for days of UTC",
    )
    refresh_ms: int = Field(50, ge=20, le=10_000, description="shortest pause between two changes of a page")
    connections: int = Field(500, ge=1, description="most open connections; for one more the idlest is closed")
    request_seconds: Seconds = Field(10, description="longest that a browser may take to send a request")


class ServingSettings(Section):
    """Servers that others connect to."""

    host: str = Field("127.0.0.1", description="address to listen on")
    rest_port: Port = Field(8000, description="port of the REST API")
    database_connections: int = Field(8, ge=1, description="most connections to the database: queries at one time")
    redis_connections: int = Field(32, ge=1, description="most connections to Redis: requests at one time")
    websocket_port: Port = Field(8001, description="port of the WebSocket server")
    dashboard_port: Port = Field(8050, description="port of the dashboard")
    api_keys: tuple[ApiKeyHash, ...] = Field(
        (), description="who may ask, as NAME:SHA256 of their keys, see `mdstream config key`; none: everybody"
    )
    allowed_origins: tuple[Origin, ...] = Field(
        (), description="web pages of other hosts that may ask, e.g. https://desk.example.com"
    )
    allowed_hosts: tuple[HostName, ...] = Field(
        (),
        description="names, without port, that servers without keys answer to; this machine's own they always do. "
        "None: any, if other machines can ask",
    )
    rest: RestSettings = RestSettings()
    websocket: WebSocketSettings = WebSocketSettings()
    dashboard: DashboardSettings = DashboardSettings()
