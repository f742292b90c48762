"""The address of the database for SQLAlchemy. A module apart: most that reads settings has no use for SQLAlchemy."""

from __future__ import annotations

import sqlalchemy as sa

from mdstream.config.stores import TimescaleSettings


def database_url(settings: TimescaleSettings) -> sa.URL:
    """Return the URL of the database; its text hides the password.

    Example:
        >>> str(database_url(TimescaleSettings(port=5433)))
        'postgresql+psycopg2://mdstream@127.0.0.1:5433/mdstream'
    """
    return sa.URL.create(
        "postgresql+psycopg2",
        username=settings.user,
        password=settings.password.get_secret_value() or None,
        host=settings.host,
        port=settings.port,
        database=settings.database,
    )
