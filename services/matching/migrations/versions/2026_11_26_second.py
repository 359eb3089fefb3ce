"""a company's facts come with its assessment; the columns of its profile stay for the release before"""

import sqlalchemy as sa
from alembic import op

revision = "8d0c5a2f6b15"
down_revision = "057ce787c84c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("companies") as batch:
        batch.alter_column("profile_version", existing_type=sa.BigInteger(), server_default="0")


def downgrade() -> None:
    with op.batch_alter_table("companies") as batch:
        batch.alter_column("profile_version", existing_type=sa.BigInteger(), server_default=None)
