"""The rooms of the house: imports run one way, and there is no lumber room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("stats", "features", "validate", "reports")  # each may import those before it
COMPOSITION_ROOT = Path("validate/cli.py")
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "core", "base", "misc"}
MODULES = sorted(path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imported(tree: ast.AST):
    """Yield every absolute module name that a module imports, and relative ones as '.'."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else str(node.module)
            if node.module == "extval":
                yield from (f"extval.{alias.name}" for alias in node.names)


def room_of(name: str):
    parts = name.split(".")
    return parts[1] if parts[0] == "extval" and len(parts) > 1 else None


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_are_absolute_and_run_one_way(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    mine = ROOMS.index(path.parts[0])
    for name in imported(tree):
        assert name != ".", f"{path} imports relatively"
        assert name.split(".")[0] not in ROOMS, f"{path} imports {name} by its bare folder name"
        room = room_of(name)
        if room is not None and path != COMPOSITION_ROOT:
            assert ROOMS.index(room) <= mine, f"{path} imports {name}, which is a later room"


def test_the_composition_root_imports_later_rooms_inside_its_commands_only():
    tree = ast.parse((ROOT / COMPOSITION_ROOT).read_text(encoding="utf-8"))
    top = ast.Module(body=[n for n in tree.body if not isinstance(n, ast.FunctionDef)])
    assert "reports" not in {room_of(name) for name in imported(top)}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_module_is_a_lumber_room(path):
    assert path.stem.lstrip("_") not in FORBIDDEN


def test_statistics_need_no_tables_plots_or_files():
    heavy = {"pandas", "matplotlib", "pyarrow", "reportlab", "pathlib", "scipy.stats"}
    for path in MODULES:
        if path.parts[0] == "stats" and path.name != "_jit.py":
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            assert not heavy & set(imported(tree)), path
