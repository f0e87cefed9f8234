"""A sweep may have a label, by which people know it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Applies this revision."""
    op.add_column("sweeps", sa.Column("label", sa.String(length=100), nullable=True))
