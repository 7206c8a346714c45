"""The wheel stands alone: installed in an empty environment, without the tree, the demo works."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_the_statements_the_migrations_and_the_demo(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    statements = {f"lms_etl/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "lms_etl").rglob("*")
        if path.suffix in {".py", ".csv", ".mako", ".html", ".css", ".js", ".svg"}
    }
    assert statements | package | {"lms_etl/deploy/embedded/dagster.yaml"} <= packed
    assert not [name for name in packed if name.startswith("lms_etl_tests")]


def test_installed_alone_in_an_empty_environment_the_demo_works(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    python = environment / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), str(environment)], check=True)
    installer = (
        [uv, "pip", "install", "--system-certs", "--python", str(python)]
        if uv
        else [str(python), "-m", "pip", "install"]
    )
    subprocess.run([*installer, "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)], check=True)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [environment / "bin" / "lms-etl", "demo", "--rows", "3000", "--courses", "30", "--days", "7"],
        env={**kept, "LMS_ETL_HOME": str(tmp_path / "home")}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "What to type next" in result.stdout
