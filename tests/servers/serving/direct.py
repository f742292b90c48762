"""A way to the database beside the API and the sinks."""

from __future__ import annotations

import sqlalchemy as sa

from mdstream.config import TimescaleSettings


def direct_engine(settings: TimescaleSettings) -> sa.Engine:
    url = sa.URL.create(
        "postgresql+psycopg2",
        settings.user,
        settings.password.get_secret_value(),
        settings.host,
        settings.port,
        settings.database,
    )
    return sa.create_engine(url, poolclass=sa.NullPool)
