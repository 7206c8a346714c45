"""The monitor: three tabs of numbers from recorded runs and calls, and a control page, for admins in a browser."""
