"""The column types that both databases share, and the columns several tables have in common."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Integer, MetaData, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment. SQLite keeps it as text without zone, Postgres as timestamptz."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone. Pass an aware moment.")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002  the signature is SQLAlchemy's
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Id = BigInteger().with_variant(Integer(), "sqlite")


def name(column: str, **more: Any) -> Column[Any]:
    return Column(column, String(255), nullable=False, **more)


def claim() -> list[Column[Any]]:
    """The columns by which one worker holds a row for the length of one call; all times are the database's."""
    return [
        Column("claimed_by", String(128)),
        Column("fence", BigInteger, nullable=False, server_default=text("0")),
        Column("claim_until", Moment),
        Column("next_attempt_at", Moment),
        # after an outcome nobody could prove, the earliest moment of a second send
        Column("uncertain_until", Moment),
        Column("attempt_id", BigInteger),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        # attempts that never came to an outcome because the process died; five of them make a row `dead`
        Column("blind_attempts", Integer, nullable=False, server_default=text("0")),
        Column("last_error_class", String(32)),
        Column("last_error", Text),
    ]
