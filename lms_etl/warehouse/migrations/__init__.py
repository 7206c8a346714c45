"""Alembic migrations of the warehouse; `schema.py` applies them, `lms-etl migrate` calls it."""
