"""What comes next and the score stand in the session's row, so that a save counts nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UNANSWERED = """
    SELECT scheduled."index" FROM scheduled
    LEFT JOIN responses
        ON responses.session_id = scheduled.session_id AND responses."index" = scheduled."index"
    WHERE scheduled.session_id = task_sessions.id AND responses.id IS NULL
    ORDER BY scheduled.position LIMIT 1
"""
SCORED = """
    SELECT {what} FROM responses
    JOIN scheduled
        ON responses.session_id = scheduled.session_id AND responses."index" = scheduled."index"
    WHERE responses.session_id = task_sessions.id AND scheduled.phase <> 'practice'
        AND responses.correct IS NOT NULL
"""


def upgrade() -> None:
    op.add_column("task_sessions", sa.Column("next_index", sa.Integer(), nullable=True))
    for name in ("n_right", "n_scored"):
        op.add_column(
            "task_sessions",
            sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0")),
        )
    op.create_index(
        op.f("ix_scheduled_session_id_position"), "scheduled", ["session_id", "position"]
    )
    right = SCORED.format(what="COALESCE(SUM(responses.correct), 0)")
    scored = SCORED.format(what="COUNT(*)")
    op.execute(
        f"UPDATE task_sessions SET next_index = ({UNANSWERED}), n_right = ({right}),"
        f" n_scored = ({scored})"
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_scheduled_session_id_position"), table_name="scheduled")
    for name in ("n_scored", "n_right", "next_index"):
        op.drop_column("task_sessions", name)
