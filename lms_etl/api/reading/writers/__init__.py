"""One module for each family of formats; each function turns portions of rows into portions of bytes."""
