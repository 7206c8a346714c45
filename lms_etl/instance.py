"""Dagster's instance: the one DAGSTER_HOME names, else the embedded one in the home folder.

`python -m lms_etl.instance` makes it if need be and prints its folder.
"""

import os
from pathlib import Path

from lms_etl.settings import Settings


def template() -> Path:
    """The embedded dagster.yaml: inside the installed package, or in deploy/ of a checkout."""
    inside = Path(__file__).parent / "deploy" / "embedded" / "dagster.yaml"
    return inside if inside.exists() else Path(__file__).parent.parent / "deploy" / "embedded" / "dagster.yaml"


def dagster_home(settings: Settings) -> Path:
    """The folder of the instance, made if it is the embedded one; sets DAGSTER_HOME for this process and below."""
    named = os.environ.get("DAGSTER_HOME")
    if named:
        return Path(named)
    folder = settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    text = template().read_text(encoding="utf-8").replace("{home}", str(folder))
    file = folder / "dagster.yaml"
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ.setdefault("LMS_ETL_HOME", str(settings.home))
    return folder


if __name__ == "__main__":
    from lms_etl.settings import current

    print(dagster_home(current()))  # noqa: T201
