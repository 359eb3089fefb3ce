"""the day of knowledge of quotes"""

import sqlalchemy as sa
from alembic import op

revision = "2b6f0a6d1c11"
down_revision = "182daef4484a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("quotes", sa.Column("known_on", sa.Date(), nullable=True))


def downgrade() -> None:
    op.drop_column("quotes", "known_on")
