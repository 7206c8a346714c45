"""The warehouse: its tables, how a day is loaded into them, and the registry of runs."""
