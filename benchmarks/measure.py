"""Runs a contender as a whole process and says what it took."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

console = Console(width=130)


@dataclass(frozen=True)
class Taken:
    """Wall time from launch to exit, the largest resident set of the process or a child of it, and what it printed."""

    seconds: float
    megabytes: float
    output: str


@dataclass
class Runs:
    """All runs of one contender."""

    taken: list[Taken] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return statistics.median(each.seconds for each in self.taken)

    @property
    def spread(self) -> str:
        return f"{min(each.seconds for each in self.taken):.1f} to {max(each.seconds for each in self.taken):.1f}"

    @property
    def megabytes(self) -> float:
        return max(each.megabytes for each in self.taken)


def run(command: list[str], environment: Mapping[str, str]) -> Taken:
    """Launches the command, waits for its end. Raises RuntimeError with its output if it fails.

    Linux counts what the parent had in memory at the fork into the child's ru_maxrss (about 100 MB here), so the
    program that calls this stays small and leaves big work to other processes.
    """
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{text[-4000:]}")
    return Taken(seconds, usage.ru_maxrss / 1024, text)


def interleaved(contenders: Mapping[str, Callable[[], Taken]], repeat: int) -> dict[str, Runs]:
    """Runs each contender once a round, so that a slow minute of the machine strikes all of them."""
    runs = {name: Runs() for name in contenders}
    for number in range(repeat):
        for name, contender in contenders.items():
            taken = contender()
            runs[name].taken.append(taken)
            told = f"round {number + 1} of {repeat}  {name:24} {taken.seconds:8.2f} s {taken.megabytes:7.0f} MB"
            console.print(told, style="dim", highlight=False)
    return runs


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Prints a table; every column but the first is aligned to the right."""
    shown = Table(title=title, title_justify="left", title_style="bold")
    for number, name in enumerate(columns):
        shown.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def verdict(met: bool) -> str:
    return "[green]met[/]" if met else "[bold red]missed[/]"
