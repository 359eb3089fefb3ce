"""reservations and quotas, with the guard of the ledger"""

import sqlalchemy as sa
from alembic import op

revision = "7c0d2f5e9a22"
down_revision = "2b6f0a6d1c11"
branch_labels = None
depends_on = None

_FOLLOWS = """
    NEW.number = COALESCE((SELECT MAX(number) FROM ledger WHERE quota_id = NEW.quota_id), 0) + 1
    AND NEW.granted_after = NEW.granted + COALESCE((SELECT granted_after FROM ledger
        WHERE quota_id = NEW.quota_id ORDER BY number DESC LIMIT 1), 0)
    AND NEW.taken_after = NEW.taken + COALESCE((SELECT taken_after FROM ledger
        WHERE quota_id = NEW.quota_id ORDER BY number DESC LIMIT 1), 0)
"""
"""A line of the ledger follows from the one before it."""

_SQLITE = (
    f"CREATE TRIGGER ledger_follows BEFORE INSERT ON ledger WHEN NOT ({_FOLLOWS})"  # noqa: S608 (a constant)
    " BEGIN SELECT RAISE(ABORT, 'ledger: a line must follow from the one before it'); END",
    "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger: append-only'); END",
    "CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'ledger: append-only'); END",
)
_POSTGRESQL = (
    f"""CREATE FUNCTION ledger_follows() RETURNS trigger LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        IF NOT ({_FOLLOWS}) THEN
            RAISE EXCEPTION 'ledger: a line must follow from the one before it' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'ledger: append-only' USING ERRCODE = 'check_violation';
    END $$""",
    "CREATE TRIGGER ledger_follows BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_follows()",
    "CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger"
    " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()",
)


def upgrade() -> None:
    at = sa.DateTime(timezone=True)
    op.create_table(
        "quotas",
        sa.Column("quota_id", sa.Text(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("quota_id"),
        sa.UniqueConstraint("programme", "year", "measure"),
    )
    op.create_table(
        "ledger",
        sa.Column("quota_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reservation_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("granted_after", sa.BigInteger(), nullable=False),
        sa.Column("taken_after", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", at, nullable=False),
        sa.PrimaryKeyConstraint("quota_id", "number"),
        sa.CheckConstraint("taken_after >= 0 AND taken_after <= granted_after", name="ledger_never_overspent"),
    )
    op.create_index("ledger_by_reservation", "ledger", ["reservation_id"])
    op.create_table(
        "reservations",
        sa.Column("number", sa.BigInteger().with_variant(sa.INTEGER(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.Column("quote_id", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Text(), nullable=True),
        sa.Column("learner", sa.Text(), nullable=True),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("firms", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("won", sa.BigInteger(), nullable=False),
        sa.Column("asked_people", sa.Integer(), nullable=False),
        sa.Column("asked_won", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("expires_at", at, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("made_at", at, nullable=False),
        sa.Column("changed_at", at, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("reservation_id"),
    )
    op.create_index("reservations_waiting", "reservations", ["programme", "year", "status", "number"])
    op.create_index("reservations_by_company", "reservations", ["company_id", "programme", "year"])
    op.create_index("reservations_due", "reservations", ["status", "expires_at"])
    op.create_table(
        "reservation_steps",
        sa.Column("reservation_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", at, nullable=False),
        sa.PrimaryKeyConstraint("reservation_id", "version"),
    )
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    for table in ("reservation_steps", "reservations", "ledger", "quotas"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION ledger_follows()")
        op.execute("DROP FUNCTION ledger_append_only()")
