"""A way to the database beside the API and the sinks."""

from __future__ import annotations

import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.config.database_url import database_url


def direct_engine(settings: TimescaleSettings) -> sa.Engine:
    url = database_url(settings)
    return sa.create_engine(url, poolclass=sa.NullPool)
