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
    with op.batch_alter_table("studies") as batch_op:
        # The default fills rows that are there; afterwards the application always says it.
        batch_op.add_column(
            sa.Column("settings", sa.JSON(), nullable=False, server_default=sa.text("'{}'"))
        )
    with op.batch_alter_table("studies") as batch_op:
        batch_op.alter_column("settings", server_default=None)
    with op.batch_alter_table("participants") as batch_op:
        batch_op.add_column(sa.Column("credit", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("identity_removed_at", UtcDateTime(), nullable=True))
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
    with op.batch_alter_table("participants") as batch_op:
        batch_op.drop_column("identity_removed_at")
        batch_op.drop_column("credit")
    with op.batch_alter_table("studies") as batch_op:
        batch_op.drop_column("settings")
