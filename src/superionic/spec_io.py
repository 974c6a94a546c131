"""Reading a campaign file, and turning validation errors into messages a person can act on."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from superionic.errors import SpecError


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Read a YAML mapping.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    tuple of dict and dict
        The plain data, and the line of each key by its dotted path.

    Raises
    ------
    SpecError
        If the file cannot be read, is no YAML, holds a key twice or is no mapping.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        loaded = YAML(typ="rt").load(path)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}; check the path of the spec") from error
    except YAMLError as error:
        raise SpecError(f"{path}: is no valid YAML: {str(error).strip()}") from error
    if not isinstance(loaded, dict):
        raise SpecError(f"{path}: holds no mapping; a spec starts with keys such as name: and host:")
    lines: dict[str, int] = {}
    return _plain(loaded, "", lines), lines


def _plain(node: Any, prefix: str, lines: dict[str, int]) -> Any:  # noqa: ANN401 (YAML holds anything)
    if isinstance(node, dict):
        for key in node:
            position = getattr(node, "lc", None)
            if position is not None:
                lines[f"{prefix}{key}"] = position.key(key)[0] + 1
        return {str(key): _plain(value, f"{prefix}{key}.", lines) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value, f"{prefix}{index}.", lines) for index, value in enumerate(node)]
    # ruamel keeps decimals as its own float type; its text is the decimal that the user wrote
    if isinstance(node, float):
        return float(node)
    return str(node) if isinstance(node, str) else node


def fill_cifs(spec_file: Path, data: dict[str, Any]) -> None:
    """Put the content of each CIF that a spec names, relative to the spec, beside its name.

    Raises
    ------
    SpecError
        If one cannot be read.
    """
    further = data.get("polymorphs")
    named = {f"polymorphs.{name}.": item for name, item in further.items()} if isinstance(further, dict) else {}
    for where, item in ({"": data} | named).items():
        host = item.get("host") if isinstance(item, dict) else None
        if isinstance(host, dict) and host.get("cif"):
            host["cif_text"] = _read_cif(spec_file, str(host["cif"]), f"{where}host.cif")


def _read_cif(spec_file: Path, name: str, key: str) -> str:
    path = spec_file.parent / name
    try:
        return path.read_text()
    except OSError as error:
        raise SpecError(
            f"{spec_file}: {key}: cannot read {path}: {error.strerror}; give a path beside the YAML"
        ) from error


def apply_profile(
    data: dict[str, Any], lines: dict[str, int], profile: str | None, source: str, blocks: frozenset[str]
) -> tuple[dict[str, Any], dict[str, int]]:
    """The spec's data with one of its profiles laid over it, and without the block ``profiles``.

    Keys of a block are changed one by one, at any depth, so that a profile names only what differs; any other
    key, such as ``grid``, is replaced whole, and so is a list.

    Parameters
    ----------
    data, lines : dict
        As :func:`read_yaml` returns them.
    profile : str, optional
        Name of the profile; None for the spec without any.
    source : str
        File, for messages.
    blocks : frozenset of str
        Keys at the top whose content is merged.

    Returns
    -------
    tuple of dict and dict
        Data, with ``profile`` set if there is one, and lines; those of overridden keys point into the profile.

    Raises
    ------
    SpecError
        If there is no such profile, ``profiles`` is no mapping of mappings, or ``profile`` is in the file.
    """
    if "profile" in data:
        raise SpecError(f"{source}: profile: a profile is chosen with --profile and defined below profiles")
    profiles = data.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(item, dict) for item in profiles.values()):
        raise SpecError(f"{source}: profiles: maps names to settings, e.g. profiles: {{laptop: {{seed: 1}}}}")
    base = {key: value for key, value in data.items() if key != "profiles"}
    if profile is None:
        return base, lines
    if profile not in profiles:
        known = f"it has {', '.join(profiles)}" if profiles else "it has none; add them below profiles"
        raise SpecError(f"{source}: no profile {profile!r}: {known}")
    changes = profiles[profile]
    if odd := sorted({"profile", "profiles"} & set(changes)):
        raise SpecError(f"{source}: profiles.{profile}.{odd[0]}: unknown key; a profile cannot use another one")
    merged = {key: _merged(base.get(key), value) if key in blocks else value for key, value in changes.items()}
    start = f"profiles.{profile}."
    inside = {key.removeprefix(start): line for key, line in lines.items() if key.startswith(start)}
    return base | merged | {"profile": profile}, lines | inside


def _merged(old: Any, new: Any) -> Any:  # noqa: ANN401 (YAML holds anything)
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return old | {key: _merged(old.get(key), value) for key, value in new.items()}


def explain_validation_error(error: ValidationError, model: type[BaseModel], source: str, lines: dict[str, int]) -> str:
    """Message that names file, line, key, value and remedy of each problem of a spec."""
    return "\n".join(_explain(problem, model, source, lines) for problem in error.errors())


def _explain(problem: Any, model: type[BaseModel], source: str, lines: dict[str, int]) -> str:  # noqa: ANN401
    location = [str(part) for part in problem["loc"] if not str(part).startswith(("function-", "constrained-"))]
    key = ".".join(location)
    where = f"{source}:{lines[key]}" if key in lines else source
    if problem["type"] == "extra_forbidden":
        return f"{where}: {key}: unknown key; {_nearest(location, model)}"
    if problem["type"] == "missing":
        return f"{where}: {key}: missing; add it"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not location or problem["type"] == "value_error":
        return f"{where}: {key + ': ' if key else ''}{message}"
    return f"{where}: {key}: {problem['input']!r} is not usable: {message}"


def _nearest(location: list[str], model: type[BaseModel]) -> str:
    parent = _model_at(location[:-1], model)
    names = list(parent.model_fields) if parent else []
    match = get_close_matches(location[-1], names, n=1, cutoff=0.5)
    return f"did you mean {match[0]!r}?" if match else f"valid keys are {', '.join(names)}"


def _model_at(location: list[str], model: type[BaseModel]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for part in location:
        if current is None or part.isdigit() or part not in current.model_fields:
            continue
        current = model_in(current.model_fields[part].annotation)
    return current


def model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 (any annotation)
    """The first pydantic model in an annotation such as ``Model | None``; None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = model_in(argument)
        if found is not None:
            return found
    return None
