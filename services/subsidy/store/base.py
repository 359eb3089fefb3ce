"""What all tables of subsidy are part of."""

from sqlalchemy import MetaData

metadata = MetaData()
