"""The reference page of the study file, written from the classes that read it.

`python -m extval.validate.study_reference > docs/study-file.md` writes it anew.
"""

import inspect
import sys
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from extval.validate.study_file import BinaryRun, SurvivalRun
from extval.validate.study_template import template

_HEAD = """\
# The study file

`extval run STUDY.yaml --out DIR` reads one YAML file. `extval init` writes a commented one to start
from. This page is generated from the classes that read the file; unknown keys are errors, and
every default is written out in `DIR/study.yaml`.

## An example
```yaml
{example}```

## Keys
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD.format(example=template("binary"))]
    seen: set[type[BaseModel]] = set()
    parts += _section(BinaryRun, "A study of a 0/1 outcome", seen)
    parts += _section(SurvivalRun, "A study of a time to event", seen)
    return "\n".join(parts).rstrip() + "\n"


def _section(form: type[BaseModel], title: str, seen: set[type[BaseModel]]) -> list[str]:
    seen.add(form)
    lines = [f"### {title}", "", inspect.getdoc(form) or "", ""]
    lines += ["| key | value | default |", "|---|---|---|"]
    nested: dict[type[BaseModel], str] = {}
    for name, field in form.model_fields.items():
        key = field.alias or name
        lines.append(f"| `{key}` | {_cell(_said(field.annotation))} | {_cell(_default(field))} |")
        for inner in _models(field.annotation):
            nested.setdefault(inner, key)
    lines.append("")
    for inner, key in nested.items():
        if inner not in seen:
            lines += _section(inner, f"`{key}`: {inner.__name__}", seen)
    return lines


def _said(annotation: Any) -> str:
    """Return a type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    words = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        found = f"mapping ({annotation.__name__})"
    elif origin is Annotated:
        found = _said(arguments[0])
    elif origin is Literal:
        found = ", ".join(f"`{_plain(item)}`" for item in arguments)
    elif origin in (Union, UnionType):
        kinds = [_said(item) for item in arguments if item is not type(None)]
        found = " or ".join(dict.fromkeys(kinds))
    elif origin is list:
        found = f"list of {_said(arguments[0])}"
    elif origin is dict:
        found = f"mapping of {_said(arguments[0])} to {_said(arguments[1])}"
    else:
        found = words.get(annotation, str(annotation))
    return found


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel) or value == {}:
        return "the defaults below" if isinstance(value, BaseModel) else "none"
    if isinstance(value, list):
        plain = [f"`{_plain(item)}`" for item in value if not isinstance(item, BaseModel)]
        return ", ".join(plain) or "all"
    return "none" if value is None else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())
