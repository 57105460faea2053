"""The wheel installs `extval.*` and nothing under a bare folder name."""

import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in names:  # a copy, so that building leaves no trace in the checkout
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(source)], check=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_installs_only_extval(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"extval"}


def test_the_wheel_holds_every_module_and_the_fonts(wheel):
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = config["tool"]["setuptools"]["package-dir"]
    there = set(wheel.namelist())
    for package, folder in folders.items():
        for path in (ROOT / folder).glob("*.py"):
            assert f"{package.replace('.', '/')}/{path.name}" in there
    for room in ("stats", "features", "validate", "reports"):
        packages = {path.parent for path in (ROOT / room).rglob("*.py")}
        listed = {ROOT / folder for folder in folders.values()}
        assert packages <= listed, f"a subpackage of {room} is not in pyproject.toml"
        assert f"extval/{room}/py.typed" in there


def test_the_command_is_installed():
    scripts = metadata.entry_points(group="console_scripts", name="extval")
    assert [script.value for script in scripts] == ["extval.validate.cli:main"]


def test_the_lock_file_holds_versions_only():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").split()
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in lines)
