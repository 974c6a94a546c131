"""Sphinx extension: fields of pydantic models as a table with type, default and description, which names the unit."""

import enum
import inspect
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.typing import restify

LONGEST_DEFAULT = 40


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension."""
    app.connect("autodoc-process-docstring", add_fields)
    app.connect("autodoc-process-signature", hide_signature, priority=900)
    return {"parallel_read_safe": True}


def hide_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returns: str
) -> tuple[str, str] | None:
    """Drop the signature of a model: the table says the same, legibly."""
    if not _is_model(what, obj):
        return None
    app.env.current_document.autodoc_annotations.pop(name, None)
    return "", ""


def add_fields(app: Sphinx, what: str, name: str, obj: Any, options: object, lines: list[str]) -> None:
    """Append the table of the fields that a model adds to those of its base."""
    if not _is_model(what, obj):
        return
    inherited = {key for base in obj.__mro__[1:] for key in getattr(base, "__annotations__", {})}
    own = {key: field for key, field in obj.model_fields.items() if key not in inherited}
    if own:
        lines += ["", ".. list-table::", "   :header-rows: 1", "   :widths: 26 22 14 38", ""]
        lines += _row("field", "type", "default", "meaning")
        for key, field in own.items():
            lines += _row(f"``{key}``", restify(field.annotation, "smart"), _default(field), _text(field))
        lines.append("")
    base = obj.__mro__[1]
    if base is not BaseModel and base.__module__.startswith("superionic") and getattr(base, "model_fields", None):
        lines += ["", f"Further fields: :py:class:`~{base.__module__}.{base.__qualname__}`.", ""]


def _is_model(what: str, obj: object) -> bool:
    return what == "class" and inspect.isclass(obj) and issubclass(obj, BaseModel)


def _row(*cells: str) -> list[str]:
    return [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(cells)]


def _text(field: FieldInfo) -> str:
    described = field.description or (isinstance(field.annotation, type) and field.annotation.__doc__) or ""
    text = " ".join(described.split("\n\n")[0].split())
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("`", "``").replace("|", "\\|").replace("_", "\\_")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default_factory() if field.default_factory is not None else field.default  # type: ignore[call-arg]
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, BaseModel):
        return "its own defaults"
    text = repr(value) if not isinstance(value, str) else value
    if not text or len(text) > LONGEST_DEFAULT or "/" in text:
        return "see the text" if text else "empty"
    return f"``{text}``"
