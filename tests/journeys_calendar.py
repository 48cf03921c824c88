"""The days on which the journeys play: past ones, so that what people do in a CRM comes after them."""

from datetime import UTC, datetime, timedelta

FRIDAY = datetime(2026, 11, 13, 8, tzinfo=UTC)
MONDAY = datetime(2026, 11, 16, 8, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
