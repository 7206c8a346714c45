"""A server process that ends with its parent, and the folder, port and account that it runs with."""

import ctypes
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

LOG_TAIL_LINES = 30
END_SECONDS = 30
MEMORY_BYTES = 2 * 1024**3
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: after fork nothing may be imported


class Child:
    """A running server process: its output goes to a log file, and it ends when its parent does, even by SIGKILL."""

    def __init__(
        self,
        command: list[str],
        *,
        folder: Path,
        log: Path,
        environment: Mapping[str, str],
        account: tuple[int, int] | None,
        death_signal: signal.Signals,
    ) -> None:
        self.log = log
        user, group = account or (None, None)
        with log.open("ab") as output:
            # The prctl comes after Popen changed the user, which would have cleared it.
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=user,
                group=group,
                extra_groups=None if account is None else [],
                preexec_fn=lambda: end_with_parent(death_signal),  # noqa: PLW1509 - takes no lock: one system call, loaded before the fork
                start_new_session=True,  # so that Ctrl-C reaches pytest only, which then ends the servers in order
            )

    @property
    def ended(self) -> bool:
        """True once the process has exited."""
        return self.process.poll() is not None

    def end(self, how: signal.Signals) -> None:
        """Sends the signal and waits; kills a process that is still there after 30 seconds."""
        self.process.send_signal(how)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log_tail(self) -> str:
        """The last lines of the log, with its path and the command."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"Command: {self.process.args!r}", f"Last lines of {self.log}:", *lines])


def end_with_parent(how: signal.Signals = signal.SIGKILL) -> None:
    """Lets Linux send the signal to this process when its parent is gone."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(how))


def unprivileged_account() -> tuple[int, int] | None:
    """User and group id of `nobody` when running as root, else None: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def reachable_by_others(path: Path) -> bool:
    """True when every folder above the path lets other users through; /root does not."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def memory_folder() -> Path | None:
    """The system's file system in memory, when it has room for the data of a few test servers.

    PostgreSQL creates a database (300 files) in 0.02 s there and in 0.15 to 0.2 s on disk. Containers often have 64 MB.
    A session killed by SIGKILL leaves its folder behind: `rm -r /dev/shm/lms_etl_*`.
    """
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and shutil.disk_usage(shared).free >= MEMORY_BYTES else None


def server_folder(dialect: str, parent: Path | None = None) -> Path:
    """A new folder below the temp folder, not below pytest's tmp_path, which other users cannot enter (mode 0700)."""
    temp = parent or Path(tempfile.gettempdir())
    folder = Path(
        tempfile.mkdtemp(prefix=f"lms_etl_{dialect}_", dir=temp if reachable_by_others(temp / "x") else "/tmp")
    )
    account = unprivileged_account()
    if account:
        folder.chmod(0o711)
        shutil.chown(folder, *account)
    return folder


def free_port() -> int:
    """A free loopback port below the range that outgoing connections draw from (32768 and up on Linux).

    Inside that range a client could take the port while the server is stopped, or even connect to itself.
    """
    draw = random.SystemRandom()  # hypothesis seeds the shared generator alike in every xdist worker
    while True:
        port = draw.randrange(15000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
