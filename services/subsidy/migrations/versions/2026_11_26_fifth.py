"""what money and prices rest on is only ever added: quotas, steps, activations, editions of the policy"""

from collections.abc import Iterator

from alembic import op

revision = "e57c1d9a4b44"
down_revision = "c41e8b7f3d33"
branch_labels = None
depends_on = None

_KEYS = {
    "quotas": ("quota_id", "programme, year, measure"),
    "reservation_steps": ("reservation_id, version",),
    "activations": ("seq",),
    "proposal_steps": ("step_id",),
    "policies": ("policy_version",),
}
"""Table → its keys. Without the last trigger SQLite's INSERT OR REPLACE would delete a row, and no trigger would see."""


def _sqlite(table: str, keys: tuple[str, ...]) -> Iterator[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table}: append-only'); END"
    for change in ("update", "delete"):
        yield f"CREATE TRIGGER {table}_kept_{change} BEFORE {change.upper()} ON {table} {refuse}"
    same = " OR ".join(
        "(" + " AND ".join(f"{name} = NEW.{name}" for name in key.split(", ")) + ")" for key in keys
    )  # fmt: skip
    there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 (constants)
    yield f"CREATE TRIGGER {table}_kept_insert BEFORE INSERT ON {table} WHEN {there} {refuse}"


_POSTGRESQL = """CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '%: append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation';
    END $$"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, keys in _KEYS.items():
            for statement in _sqlite(table, keys):
                op.execute(statement)
        return
    op.execute(_POSTGRESQL)
    for table in _KEYS:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in _KEYS:
        for change in ("_update", "_delete", "_insert") if sqlite else ("",):
            op.execute(f"DROP TRIGGER {table}_kept{change}" + ("" if sqlite else f" ON {table}"))
    if not sqlite:
        op.execute("DROP FUNCTION append_only()")
