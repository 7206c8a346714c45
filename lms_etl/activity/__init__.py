"""System 1: views, people and the daily activity report per course."""
