"""The tables of the scheduler's database; times are seconds since the epoch."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

from optfarm_tasks.schema.sweep import TaskState

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)


def _catalog(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("name", String(100), primary_key=True),
        Column("digest", String(64), primary_key=True, index=True),
        Column("tree", JSON, nullable=False),
        Column("description", JSON, nullable=False),
        Column("created_at", Float, nullable=False),
        # A name means the tree that was pushed under it last, even when it had been pushed before.
        Column("named_at", Float, nullable=False),
    )


MODELS = _catalog("models")
DATA = _catalog("data")

SWEEPS = Table(
    "sweeps",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("state", String(16), nullable=False, index=True),
    Column("spec", JSON, nullable=False),
    Column("model", String(100), nullable=False),
    Column("data", String(100)),
    Column("label", String(100)),
    Column("skipped", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("devices", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
)

TASKS = Table(
    "tasks",
    METADATA,
    Column("id", String(40), primary_key=True),
    # A canary belongs to no sweep.
    Column("sweep_id", ForeignKey("sweeps.id"), index=True),
    Column("position", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("label", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("action", JSON, nullable=False),
    Column("inputs", JSON, nullable=False),
    Column("needs", JSON, nullable=False),
    Column("depends_on", JSON, nullable=False),
    Column("pinned_to", String(80)),
    Column("identity", String(160)),
    # Written by transitions.transition alone, once the task is there.
    Column("state", String(16), nullable=False, default=TaskState.PENDING),
    Column("cached", Boolean, nullable=False, default=False),
    Column("device", String(80)),
    Column("token", Integer, nullable=False, default=0),
    Column("attempt", Integer, nullable=False, default=0),
    Column("key", String(64), index=True),
    Column("output_digest", String(64)),
    Column("duration_s", Float),
    Column("failure", JSON(none_as_null=True)),
    Column("log", String(64)),
    Column("result", JSON(none_as_null=True)),
    Column("queued_at", Float, nullable=False),
    Column("ready_at", Float, nullable=False, default=0.0),
    Column("dispatched_at", Float, nullable=False, default=0.0),
    Column("lease_until", Float, nullable=False, default=0.0),
    Column("started_at", Float),
    Column("finished_at", Float),
    # Devices that a benchmark was pinned to before.
    Column("tried", JSON(none_as_null=True)),
    Index(None, "kind", "state"),
)

DEVICES = Table(
    "devices",
    METADATA,
    Column("name", String(80), primary_key=True),
    Column("inventory", JSON, nullable=False),
    Column("last_seen_at", Float, nullable=False),
    Column("freed_at", Float, nullable=False, default=0.0),
    # When its worker's process first registered, and when its last canary was sent or its quarantine ended by hand.
    Column("started_at", Float, nullable=False, default=0.0),
    Column("canary_at", Float, nullable=False, default=0.0),
    # Earlier canaries are no part of the band: they ran on another machine under this name.
    Column("band_from", Float, nullable=False, default=0.0),
    Column("health", JSON(none_as_null=True)),
)

CANARIES = Table(
    "canaries",
    METADATA,
    Column("task_id", String(40), primary_key=True),
    Column("device", String(80), nullable=False),
    Column("at", Float, nullable=False),
    Column("compute_ns", Float, nullable=False),
    Column("memory_ns", Float, nullable=False),
    Column("further_ns", JSON, nullable=True),
    Column("is_good", Boolean, nullable=False),
    Index(None, "device", "at"),
)
