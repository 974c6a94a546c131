"""Content keys, seeds, software versions and resource stamps.

A key is a hash of what a result depends on. Equal inputs and settings give equal keys on every
machine, so finished results can be found again and a number can be followed to its sources.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from fractions import Fraction
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

KEY_LENGTH = 32
TRAIN_ONLY = "#train-only"
"""Ends the identity of a parent in labels that must not be validated or tested on."""
SIGNIFICANT_DIGITS = 12
RECORDED_PACKAGES = (
    "superionic",
    "numpy",
    "pymatgen",
    "ase",
    "jobflow",
    "FireWorks",
    "mace-torch",
    "torch",
    "torch-sim-atomistic",
    "chgnet",
    "icet",
)


def content_key(content: Any) -> str:  # noqa: ANN401 (anything that canonical() knows)
    """Hash of plain data, stable across machines, dictionary orders and float formatting.

    Parameters
    ----------
    content : object
        Nested mappings, sequences, numbers, strings, enums, fractions, numpy arrays, pydantic
        models, or objects with ``as_dict``.

    Returns
    -------
    str
        The first 32 hexadecimal digits of the SHA-256 of the canonical JSON.

    Raises
    ------
    TypeError
        If something has no canonical form.
    """
    return key_of_canonical(canonical(content))


def key_of_canonical(content: Any) -> str:  # noqa: ANN401 (plain data)
    """As :func:`content_key`, for plain data that :func:`canonical` would return as it is, e.g. rounded numbers."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def canonical(content: Any) -> Any:  # noqa: ANN401, PLR0911 (one return per kind is the clearest form)
    """Plain data in one fixed form; floats keep 12 significant digits."""
    if content is None or (isinstance(content, bool | int | str) and not isinstance(content, Enum)):
        return content
    if isinstance(content, Enum):
        return canonical(content.value)
    if isinstance(content, float):
        return _rounded(content)
    if isinstance(content, Fraction):
        return f"{content.numerator}/{content.denominator}"
    if isinstance(content, Mapping):
        return {str(key): canonical(value) for key, value in content.items()}
    if hasattr(content, "model_dump"):
        return canonical(content.model_dump(mode="json"))
    if hasattr(content, "tolist"):
        plain = content.tolist()
        return _rounded(plain) if getattr(content.dtype, "kind", "") == "f" else canonical(plain)
    if hasattr(content, "as_dict"):
        return canonical(content.as_dict())
    if isinstance(content, Sequence | set | frozenset):
        items = [canonical(item) for item in content]
        return sorted(items, key=str) if isinstance(content, set | frozenset) else items
    raise TypeError(f"{type(content).__name__} has no canonical form for a content key; convert it to plain data first")


def _rounded(values: Any) -> Any:  # noqa: ANN401 (a number, or lists as deep as the array)
    """As :func:`canonical` of the numbers of an array, without asking each of them what it is."""
    if isinstance(values, list):
        return [_rounded(value) for value in values]
    return float(f"{values:.{SIGNIFICANT_DIGITS}g}") + 0.0


def derived_seed(seed: int, *labels: object) -> int:
    """Seed of one task, derived from the campaign's seed and the task's labels.

    Deriving by labels rather than by counting keeps a task's seed when others are added.
    """
    digest = hashlib.sha256("/".join([str(seed), *map(str, labels)]).encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


def software_versions() -> dict[str, str]:
    """Versions of superionic and of the packages that shape its numbers; absent ones are left out."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    """Looked up once per process: it reads files, and every document needs it."""
    found = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@dataclass
class Stopwatch:
    """Wall and processor time of a piece of work; filled when the block of :func:`stopwatch` ends."""

    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    wall_time_s: float = 0.0
    cpu_time_s: float = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measure the wall and processor time of a block, children of this process included."""
    watch = Stopwatch()
    wall, cpu = time.perf_counter(), _cpu_seconds()
    try:
        yield watch
    finally:
        watch.wall_time_s = time.perf_counter() - wall
        watch.cpu_time_s = _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
