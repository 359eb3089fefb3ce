"""a company's facts come with its assessment"""

import json

import sqlalchemy as sa
from alembic import op

revision = "8d0c5a2f6b15"
down_revision = "057ce787c84c"
branch_labels = None
depends_on = None

_companies = sa.table(
    "companies", *(sa.column(name, sa.Text()) for name in ("company_id", "business_number", "profile", "assessment"))
)
_FACTS = ("size_class", "region_code", "ksic_version", "ksic_code", "headcount")


def upgrade() -> None:
    both = sa.and_(_companies.c.profile.is_not(None), _companies.c.assessment.is_not(None))
    for row in op.get_bind().execute(sa.select(_companies).where(both)).mappings().all():
        profile, assessment = json.loads(row["profile"]), json.loads(row["assessment"])
        assessment["facts"] = {name: profile[name] for name in _FACTS}
        this = _companies.c.company_id == row["company_id"]
        op.execute(_companies.update().where(this).values(assessment=json.dumps(assessment, ensure_ascii=False)))
    with op.batch_alter_table("companies") as batch:
        batch.drop_column("profile")
        batch.drop_column("profile_version")


def downgrade() -> None:
    with op.batch_alter_table("companies") as batch:
        batch.add_column(sa.Column("profile_version", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("profile", sa.Text(), nullable=True))
