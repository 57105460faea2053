"""YAML in and out: safe loading, errors with path and line, stable writing."""

import io
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from extval.validate.errors import InputError

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]


def read_mapping(path: Path) -> dict[Any, Any]:
    """Return the mapping that a YAML file holds; doubled keys and bad syntax are errors."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    try:
        raw = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}{where}: {_first_line(error.problem)}.") from error
    except (YAMLError, ValueError) as error:
        raise InputError(f"{path} is not valid YAML: {_first_line(str(error))}.") from error
    if not isinstance(raw, dict):
        raise InputError(
            f"{path} must hold keys and values at its top level; it holds "
            f"{'nothing' if raw is None else type(raw).__name__}."
        )
    return raw


def parse(model: type[Model], raw: dict[Any, Any], path: Path) -> Model:
    """Return `raw` as `model`; every problem is named with its YAML path and line."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        tree = YAML(typ="safe", pure=True).compose(path.read_text(encoding="utf-8-sig"))
        problems = [_sentence(model, item, tree) for item in error.errors()]
        raise InputError("\n".join(f"{path}, {problem}" for problem in problems)) from error


def dump(data: dict[str, Any]) -> str:
    """Return `data` as YAML: keys in the given order, no wrapping, whole numbers as such."""
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 10_000
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _first_line(text: str | None) -> str:
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else "it does not follow the YAML syntax"


def _sentence(model: type[BaseModel], item: Any, tree: Node | None) -> str:
    location: Location = tuple(part for part in item["loc"] if part != "[key]")
    dotted = ".".join(str(part) for part in location) or "(top level)"
    kind, got = item["type"], item.get("input")
    if kind == "extra_forbidden":
        allowed = ", ".join(_allowed(model, location[:-1]))
        reason = f"is not a known key; here one of {allowed} is expected"
    elif kind == "missing":
        reason = "is missing"
    elif kind == "value_error":
        reason = str(item["ctx"]["error"])
    else:
        reason = f"{item['msg'][0].lower()}{item['msg'][1:]}; got {got!r}"
    return f"line {_line(tree, location)}, `{dotted}`: {reason}."


def _allowed(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that the mapping at `location` may hold."""
    here: Any = model
    for part in location:
        fields = getattr(here, "model_fields", {})
        by_alias = {field.alias or name: field for name, field in fields.items()}
        here = _present(by_alias[part].annotation) if part in by_alias else _value_type(here)
    fields = getattr(here, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _present(annotation: Any) -> Any:
    """Return X of an `X | None` annotation, and any other as it is."""
    kinds = [kind for kind in getattr(annotation, "__args__", ()) if kind is not type(None)]
    optional = isinstance(annotation, UnionType) and len(kinds) == 1
    return kinds[0] if optional else annotation


def _value_type(annotation: Any) -> Any:
    """Return the value type of a `dict[str, X]` annotation."""
    arguments = getattr(annotation, "__args__", ())
    return arguments[-1] if arguments else None


def _line(tree: Node | None, location: Location) -> int:
    """Return the 1-based line of the deepest node of `location` that the file holds."""
    node, line = tree, 1
    for part in location:
        child: Node | None = None
        if isinstance(node, MappingNode):
            for key, value in node.value:
                if str(key.value) == str(part) or _same_number(key.value, part):
                    child, line = value, key.start_mark.line + 1
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            child = node.value[part]
            line = child.start_mark.line + 1
        if child is None:
            break
        node = child
    return line


def _same_number(text: str, part: int | str) -> bool:
    try:
        return float(text) == float(part)
    except ValueError:
        return False
