"""What is served: one FastAPI application that never imports Dagster; the two meet in the warehouse only."""
