"""What the API reads from the warehouse: results, exports and roll-ups. It knows neither FastAPI nor Dagster."""
