"""Roles and databases of a server that is ours alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg2
from psycopg2 import sql


@dataclass(frozen=True)
class Administration:
    """The superuser of a server, with a connection for every command.

    Attributes:
        host: Where the server is.
        port: Its port.
        user: The superuser, and the database of the same name.
        password: The password.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    def answers(self) -> bool:
        """Say whether the server lets us in."""
        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def create_role(self, name: str, password: str) -> None:
        """Create a role that may log in."""
        # Hashed here: a password in a statement could end up in the server's log.
        connection = self._connect()
        hashed = psycopg2.extensions.encrypt_password(password, name, connection, "scram-sha-256")
        connection.close()
        command = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        self._execute(command.format(sql.Identifier(name), sql.Literal(hashed)))

    def create_database(self, name: str, owner: str) -> None:
        """Create an empty database."""
        self._execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))

    def drop_database(self, name: str) -> None:
        """Remove a database, and disconnect who uses it."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _connect(self) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=self.user,
            connect_timeout=5,
        )

    def _execute(self, command: sql.Composed) -> None:
        connection = self._connect()
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(command)
        finally:
            connection.close()
