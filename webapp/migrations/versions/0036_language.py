"""The language that somebody chose

Revision ID: 0036
Revises: 0035
Create Date: 2026-11-29
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None
LOSES = "which language people chose; pages are in the browser's again"
"""On the way back, for good; empty where nothing is, or all of it is found anew."""


def upgrade() -> None:
    op.add_column("user", sa.Column("language", sa.String(20), nullable=True))


def downgrade() -> None:
    op.drop_column("user", "language")
