"""Alerts: what went wrong is told once, to people, through channels that can fail; the warehouse remembers."""
