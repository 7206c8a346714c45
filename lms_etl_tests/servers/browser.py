"""A Chromium for tests: the system's, else playwright's own, else one that is installed now where that is allowed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lms_etl_tests.servers.binaries import ServerUnavailableError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_SECONDS = 300


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A running Chromium without a window. Raises ServerUnavailableError with what was tried."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = _started(playwright)
        try:
            yield browser
        finally:
            browser.close()


def _started(playwright: "Playwright") -> "Browser":
    tried = []
    for install in (None, _from_playwright, _from_debian):
        if install is not None:
            tried.append(install())
        found = next(filter(None, map(shutil.which, NAMES)), None)
        for program in (found, None) if found else (None,):
            try:
                # Chromium's own sandbox needs a user who is not root.
                return playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
            except Exception as error:  # playwright's own class tells a missing program from nothing else
                tried.append(f"{program or 'its own'}: {str(error).splitlines()[0]}")
    raise ServerUnavailableError(f"no Chromium ({'; '.join(tried)}). Install it: `apt-get install chromium`.")


def _from_playwright() -> str:
    return _run([sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"])


def _from_debian() -> str:
    if os.geteuid() != 0:
        return "apt-get install chromium: only root may"
    _run(["apt-get", "-q", "update"])
    return _run(["apt-get", "-q", "install", "-y", "--no-install-recommends", "chromium"])


def _run(command: list[str]) -> str:
    said = " ".join(command[-4:])
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{said}: {type(error).__name__}"
    return f"{said}: {'done' if done.returncode == 0 else ' '.join(done.stderr.split())[-200:]}"
