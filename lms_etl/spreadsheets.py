"""What keeps a spreadsheet from running text that strangers wrote."""

FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""First characters of what a spreadsheet may take for a formula, after OWASP; the last four are the full-width ones."""


def harmless(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet might run it."""
    return f"'{text}" if text[:1] in FORMULA and text else text
