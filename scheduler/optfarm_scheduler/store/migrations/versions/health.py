"""The health of devices: their canaries, and benchmarks that went to another device."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIMES = ("started_at", "canary_at", "band_from")


def upgrade() -> None:
    """Applies this revision."""
    op.create_table(
        "canaries",
        sa.Column("task_id", sa.String(length=40), nullable=False),
        sa.Column("device", sa.String(length=80), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("compute_ns", sa.Float(), nullable=False),
        sa.Column("memory_ns", sa.Float(), nullable=False),
        sa.Column("is_good", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_canaries")),
    )
    op.create_index(op.f("ix_canaries_device_at"), "canaries", ["device", "at"], unique=False)
    for name in _TIMES:
        op.add_column("devices", sa.Column(name, sa.Float(), nullable=False, server_default="0"))
    op.add_column("devices", sa.Column("health", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("tasks") as tasks:
        tasks.add_column(sa.Column("tried", sa.JSON(none_as_null=True), nullable=True))
        tasks.alter_column("sweep_id", existing_type=sa.String(length=32), nullable=True)


def downgrade() -> None:
    """Takes this revision back; canaries are forgotten."""
    op.execute("DELETE FROM tasks WHERE sweep_id IS NULL")
    with op.batch_alter_table("tasks") as tasks:
        tasks.alter_column("sweep_id", existing_type=sa.String(length=32), nullable=False)
        tasks.drop_column("tried")
    op.drop_column("devices", "health")
    for name in reversed(_TIMES):
        op.drop_column("devices", name)
    op.drop_index(op.f("ix_canaries_device_at"), table_name="canaries")
    op.drop_table("canaries")
