"""learners, allowances and the day of knowledge of quotes"""

revision = "2b6f0a6d1c11"
down_revision = "182daef4484a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
