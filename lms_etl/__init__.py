"""LMS analytics you can trust the numbers of: from a learning platform's database to daily facts, in Dagster."""
