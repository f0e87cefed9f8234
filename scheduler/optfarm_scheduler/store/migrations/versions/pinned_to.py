"""A task is pinned to a device; what else was called bound is a limit."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Applies this revision."""
    op.execute("ALTER TABLE tasks RENAME COLUMN bound TO pinned_to")
