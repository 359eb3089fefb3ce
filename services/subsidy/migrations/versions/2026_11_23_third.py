"""reservations and quotas"""

revision = "7c0d2f5e9a22"
down_revision = "2b6f0a6d1c11"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
