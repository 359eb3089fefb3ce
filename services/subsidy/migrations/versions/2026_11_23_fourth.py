"""policy versions, activations and requotes"""

import sqlalchemy as sa
from alembic import op

revision = "c41e8b7f3d33"
down_revision = "7c0d2f5e9a22"
branch_labels = None
depends_on = None

_SQLITE = (
    "CREATE TRIGGER activations_no_update BEFORE UPDATE ON activations"
    " BEGIN SELECT RAISE(ABORT, 'activations: append-only'); END",
    "CREATE TRIGGER activations_no_delete BEFORE DELETE ON activations"
    " BEGIN SELECT RAISE(ABORT, 'activations: append-only'); END",
)
_POSTGRES = (
    "CREATE FUNCTION activations_only_grow() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'activations: append-only'; END $$",
    "CREATE TRIGGER activations_no_change BEFORE UPDATE OR DELETE ON activations"
    " FOR EACH ROW EXECUTE FUNCTION activations_only_grow()",
)


def upgrade() -> None:
    op.create_table(
        "activations",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    postgres = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRES if postgres else _SQLITE:
        op.execute(statement)
    op.create_table(
        "proposals",
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("policy_version"),
    )
    op.create_table(
        "proposal_steps",
        sa.Column("step_id", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("step_id"),
    )
    op.create_index("proposal_steps_by_version", "proposal_steps", ["policy_version", "step_id"])
    op.create_table(
        "requotes",
        sa.Column("requote_id", sa.Text(), nullable=False),
        sa.Column("activation", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("requote_id"),
        sa.UniqueConstraint("activation"),
    )
    op.create_table(
        "shadow_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("against", sa.Text(), nullable=False),
        sa.Column("applied_on", sa.Date(), nullable=True),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("budgets", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.add_column("lists", sa.Column("activation", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("lists", sa.Column("company", sa.Text(), nullable=True))
    op.create_index("ix_lists_activation", "lists", ["activation"])


def downgrade() -> None:
    op.drop_index("ix_lists_activation", table_name="lists")
    op.drop_column("lists", "company")
    op.drop_column("lists", "activation")
    for table in ("shadow_runs", "requotes", "proposal_steps", "proposals", "activations"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION activations_only_grow")
