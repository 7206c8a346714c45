"""The documents say what is: links lead somewhere, and every command and check is described."""

import re
from pathlib import Path

import pytest

from lms_etl.cli import ACTIONS, app
from lms_etl.definitions import defs

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing


def test_the_readme_names_every_command_and_action() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert [word for word in (*commands, *ACTIONS, "status", "scheduler_data") if word not in readme] == []


def test_every_check_is_described() -> None:
    described = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("activity.md", "progress.md"))
    names = {spec.name for check in defs.asset_checks or [] for spec in check.check_specs}
    assert [name for name in sorted(names) if f"`{name}`" not in described] == []


def test_every_make_target_of_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", document.read_text(encoding="utf-8"), re.MULTILINE))
        assert {first or second for first, second in named} <= targets


def test_no_file_names_a_package_index() -> None:
    for path in (ROOT / "constraints.txt", ROOT / "pyproject.toml", ROOT / "Makefile"):
        assert not re.search(r"index-url|find-links|https?://(?!dagster)", path.read_text(encoding="utf-8")), path
