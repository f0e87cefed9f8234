"""A canary may do more works than two, as a GPU's does."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Applies this revision."""
    op.add_column("canaries", sa.Column("further_ns", sa.JSON(), nullable=True))
