"""Gets MariaDB from Debian's packages without installing anything: download, unpack into a cache folder, run there."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from lms_etl_tests.servers.binaries import Binaries, ServerUnavailableError, system_mariadb, unpacked_mariadb

APT_SECONDS = 300
APT_OPTIONS = ["-q", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"]


def find_mariadb() -> Binaries:
    """System MariaDB, else the cached unpacked one, else a download of it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lms_etl"
    try:
        return system_mariadb() or unpack_mariadb(cache / "mariadb")
    except (ServerUnavailableError, OSError) as error:
        raise ServerUnavailableError(
            "no MariaDB: LMS_ETL_TEST_MARIADB_URL is not set, there is no mariadbd with mariadb-install-db on PATH or "
            f"in /usr/sbin, and its Debian packages could not be unpacked into {cache} ({error}). "
            "Install it: `apt-get install mariadb-server-core mariadb-client-core`."
        ) from error


def unpack_mariadb(tree: Path) -> Binaries:
    """MariaDB's packages unpacked in `tree`, reused when it is there and runs, downloaded otherwise (about 10 MB).

    The folder appears whole or not at all: the work is done beside it and renamed. Takes a lock, since two test workers
    may come at once and apt refuses the second.
    """
    tree.parent.mkdir(parents=True, exist_ok=True)
    with (tree.parent / f"{tree.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tree.exists():
            if runs(unpacked_mariadb(tree)):
                return unpacked_mariadb(tree)
            shutil.rmtree(tree)  # unpacked under an older system whose libraries are gone
        with tempfile.TemporaryDirectory(prefix=f"{tree.name}.", dir=tree.parent) as work:
            packages, root = Path(work, "packages"), Path(work, "root")
            packages.mkdir()
            _download(packages)
            for package in sorted(packages.glob("*.deb")):
                _run(["dpkg-deb", "-x", str(package), str(root)], work)
            if not runs(unpacked_mariadb(root)):
                raise ServerUnavailableError("the unpacked mariadbd does not run on this system")
            root.rename(tree)
    return unpacked_mariadb(tree)


def runs(binaries: Binaries) -> bool:
    """True when the server program can be executed with the libraries it has."""
    try:
        version = subprocess.run(
            [str(binaries.server), "--no-defaults", "--version"],
            env={**os.environ, **binaries.environment},
            capture_output=True,
            check=False,
            timeout=30,
        )
    except OSError:
        return False
    return version.returncode == 0


def _download(folder: Path) -> None:
    """Downloads MariaDB and the libraries that this system lacks, after `apt-get update` if that is needed."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise ServerUnavailableError("apt-get and dpkg-deb are needed and not there")
    try:
        _download_known(folder)
    except ServerUnavailableError as error:
        # Slim images come without package lists, and old lists name packages that mirrors have replaced.
        if os.geteuid() != 0:
            raise ServerUnavailableError(f"{error}; `sudo apt-get update` may help") from error
        _apt("update", folder=folder)
        _download_known(folder)


def _download_known(folder: Path) -> None:
    # The name carries a version in Ubuntu 22.04 and none in Debian 12; library names differ too (libaio1, libaio1t64).
    found = _run(["apt-cache", "search", "--names-only", "^mariadb-server-core"], folder)
    servers = sorted(line.split()[0] for line in found.splitlines())
    if not servers:
        raise ServerUnavailableError("apt knows no package mariadb-server-core")
    wanted = {servers[-1], servers[-1].replace("server", "client")}
    plan = _apt("install", "--simulate", "--no-install-recommends", *sorted(wanted), folder=folder)
    _apt("download", *sorted(wanted | set(re.findall(r"^Inst (\S+)", plan, re.MULTILINE))), folder=folder)


def _apt(*arguments: str, folder: Path) -> str:
    # As root apt would fetch as user _apt, who may not write here, and warn about it.
    sandbox = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    return _run(["apt-get", *APT_OPTIONS, *sandbox, *arguments], folder)


def _run(command: list[str], folder: str | Path) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            check=False,
            text=True,
            timeout=APT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise ServerUnavailableError(f"`{' '.join(command)}` took more than {APT_SECONDS} s") from error
    if done.returncode != 0:
        raise ServerUnavailableError(f"`{' '.join(command)}` failed: {' '.join(done.stderr.split())[-500:]}")
    return done.stdout
