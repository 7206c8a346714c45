"""The systems that are read: one module each, one method for each statement, never a write."""
