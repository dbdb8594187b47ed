"""Settings of a study, credit given by the server, and what remains of people who are erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from webapp.models.base import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Columns are added in place: SQLite's other way, a new table in place of the old, would break
    # the references of rows that are there.
    op.add_column(
        "studies",
        sa.Column("settings", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
    )
    op.add_column("participants", sa.Column("credit", sa.String(length=16), nullable=True))
    op.add_column("participants", sa.Column("identity_removed_at", UtcDateTime(), nullable=True))
    op.create_table(
        "known_people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name=op.f("fk_known_people_study_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_people")),
        sa.UniqueConstraint("study_id", "subject", name=op.f("uq_known_people_study_id_subject")),
    )
    op.create_table(
        "recent_arrivals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recent_arrivals")),
    )
    op.create_index(op.f("ix_recent_arrivals_subject_at"), "recent_arrivals", ["subject", "at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_recent_arrivals_subject_at"), table_name="recent_arrivals")
    op.drop_table("recent_arrivals")
    op.drop_table("known_people")
    op.drop_column("participants", "identity_removed_at")
    op.drop_column("participants", "credit")
    op.drop_column("studies", "settings")
