"""Models, data, devices, sweeps and their tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Applies this revision."""
    op.create_table(
        "data",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("tree", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("named_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", "digest", name=op.f("pk_data")),
    )
    op.create_index(op.f("ix_data_digest"), "data", ["digest"], unique=False)
    op.create_table(
        "devices",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("inventory", sa.JSON(), nullable=False),
        sa.Column("last_seen_at", sa.Float(), nullable=False),
        sa.Column("freed_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_devices")),
    )
    op.create_table(
        "models",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("tree", sa.JSON(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("named_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", "digest", name=op.f("pk_models")),
    )
    op.create_index(op.f("ix_models_digest"), "models", ["digest"], unique=False)
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("data", sa.String(length=100), nullable=True),
        sa.Column("skipped", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("devices", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
    )
    op.create_index(op.f("ix_sweeps_state"), "sweeps", ["state"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("sweep_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("action", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("needs", sa.JSON(), nullable=False),
        sa.Column("depends_on", sa.JSON(), nullable=False),
        sa.Column("bound", sa.String(length=80), nullable=True),
        sa.Column("identity", sa.String(length=160), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.Column("device", sa.String(length=80), nullable=True),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("output_digest", sa.String(length=64), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("failure", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("log", sa.String(length=64), nullable=True),
        sa.Column("result", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("queued_at", sa.Float(), nullable=False),
        sa.Column("ready_at", sa.Float(), nullable=False),
        sa.Column("dispatched_at", sa.Float(), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name=op.f("fk_tasks_sweep_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_key"), "tasks", ["key"], unique=False)
    op.create_index(op.f("ix_tasks_kind_state"), "tasks", ["kind", "state"], unique=False)
    op.create_index(op.f("ix_tasks_sweep_id"), "tasks", ["sweep_id"], unique=False)


def downgrade() -> None:
    """Takes this revision back."""
    op.drop_index(op.f("ix_tasks_sweep_id"), table_name="tasks")
    op.drop_index(op.f("ix_tasks_kind_state"), table_name="tasks")
    op.drop_index(op.f("ix_tasks_key"), table_name="tasks")
    op.drop_table("tasks")
    op.drop_index(op.f("ix_sweeps_state"), table_name="sweeps")
    op.drop_table("sweeps")
    op.drop_index(op.f("ix_models_digest"), table_name="models")
    op.drop_table("models")
    op.drop_table("devices")
    op.drop_index(op.f("ix_data_digest"), table_name="data")
    op.drop_table("data")
