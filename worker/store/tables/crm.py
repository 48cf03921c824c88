"""What is in a CRM as last read, and which of its records is which of ours."""

from sqlalchemy import Boolean, Column, Index, Integer, PrimaryKeyConstraint, String, Table, Text, text

from worker.store.tables.columns import Id, Json, Moment, metadata, name

crm_mirror = Table(
    "crm_mirror",
    metadata,
    name("workspace"),
    name("destination"),
    Column("object", String(32), nullable=False),
    name("id"),
    Column("name", Text),
    Column("account", String(255)),
    Column("domain", String(255)),
    Column("owner", String(255)),
    Column("stage", String(255)),
    Column("key", String(255)),
    Column("is_customer", Boolean, nullable=False),
    Column("do_not_contact", Boolean, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("won", Boolean, nullable=False),
    Column("phone", String(255)),
    Column("last_activity", Moment),
    Column("modified", Moment),
    Column("created", Moment),
    Column("deleted", Boolean, nullable=False),
    Column("moved_to", String(255)),
    Column("fields", Json, nullable=False),
    PrimaryKeyConstraint("workspace", "destination", "object", "id"),
    Index(None, "workspace", "destination", "account"),
)
crm_email = Table(
    "crm_email",
    metadata,
    name("workspace"),
    name("destination"),
    Column("object", String(32), nullable=False),
    name("id"),
    Column("email", String(320), nullable=False),
    Column("primary", Boolean, nullable=False),
    PrimaryKeyConstraint("workspace", "destination", "object", "id", "email"),
)
crm_owner = Table(
    "crm_owner",
    metadata,
    name("workspace"),
    name("destination"),
    name("id"),
    Column("email", String(320), nullable=False),
    Column("name", Text),
    Column("active", Boolean, nullable=False),
    Column("kind", String(8), nullable=False),
    PrimaryKeyConstraint("workspace", "destination", "id"),
)
mirror_cursor = Table(
    "mirror_cursor",
    metadata,
    name("workspace"),
    name("destination"),
    Column("object", String(32), nullable=False),
    Column("cursor", Text),
    Column("complete", Boolean, nullable=False),
    # the fields that were asked for; another list means filling again
    Column("fields_hash", String(64)),
    Column("read_at", Moment, nullable=False),
    PrimaryKeyConstraint("workspace", "destination", "object"),
)
link = Table(
    "link",
    metadata,
    # status: active, merged_into, converted_to, deleted; at most one active link per record
    Column("id", Id, primary_key=True),
    name("workspace"),
    name("destination"),
    name("record_key"),
    Column("object", String(32), nullable=False),
    name("crm_id"),
    Column("status", String(16), nullable=False),
    Column("how", String(16)),
    Column("verified_at", Moment, nullable=False),
    Index(
        "uq_link_active",
        "workspace",
        "destination",
        "record_key",
        unique=True,
        sqlite_where=text("status = 'active'"),
        postgresql_where=text("status = 'active'"),
    ),
    Index(None, "workspace", "destination", "crm_id"),
)
drift = Table(
    "drift",
    metadata,
    # a field of ours that the drift audit found to hold something else; state: repaired, fighting, other_writer, reported
    name("workspace"),
    name("destination"),
    name("record_key"),
    name("field"),
    Column("object", String(32), nullable=False),
    Column("crm_id", String(255)),
    Column("state", String(16), nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("repaired_at", Moment),
    PrimaryKeyConstraint("workspace", "destination", "record_key", "field"),
    Index(None, "workspace", "seen_at"),
)
