"""policy versions, activations and requotes"""

revision = "c41e8b7f3d33"
down_revision = "7c0d2f5e9a22"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
