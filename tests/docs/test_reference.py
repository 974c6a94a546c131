"""The reference holds what people import: public names, Makers, documents, settings, errors, queries."""

import inspect
import pkgutil
import re
from functools import cache
from importlib import import_module

import pytest
from automodules import modules
from pages import ROOT
from pydantic import BaseModel

import superionic
from superionic.database import queries
from superionic.documents import Document
from superionic.errors import SuperionicError
from superionic.stages.base import StageSettings

PACKAGES = (
    "ordering",
    "potentials",
    "sampling",
    "labelling",
    "stability",
    "transport",
    "dynamics",
    "flows",
    "builders",
    "report",
)
DIRECTIVE = re.compile(r"^\.\. auto(modules?|class|function):: (.+)\n((?:   :.*\n)*)", re.MULTILINE)
INTERNAL = ("superionic.cli", "superionic.labelling.fake_vasp", "superionic.builders.labels")


@cache
def documented():
    """Module and name of everything that a page of the reference shows."""
    found = set()
    for page in (ROOT / "docs/reference").rglob("*.md"):
        for kind, target, options in DIRECTIVE.findall(page.read_text()):
            if kind in ("class", "function"):
                found.add(tuple(target.rsplit(".", 1)))
                continue
            without = re.search(r":without: +(.+)", options)
            names = modules(target.split(), without[1].split() if without else ()) if kind == "modules" else [target]
            found |= {pair for name in names for pair in members(name, options)}
    return found


def members(name, options):
    """What `automodule` shows of a module."""
    chosen = re.search(r":members: +(.+)", options)
    module = import_module(name)
    shown = chosen[1].split(", ") if chosen else getattr(module, "__all__", vars(module))
    return {(name, member) for member in shown if not member.startswith("_")}


def is_documented(obj):
    return (obj.__module__, obj.__qualname__) in documented()


@cache
def classes():
    """All classes of the package, without those of optional programs that are not installed."""
    found = set()
    for info in pkgutil.walk_packages(superionic.__path__, "superionic."):
        if info.name.startswith(INTERNAL) or "._" in info.name or "torchsim" in info.name or "__main__" in info.name:
            continue
        found |= {c for c in vars(import_module(info.name)).values() if inspect.isclass(c)}
    return {c for c in found if c.__module__.startswith("superionic.") and not c.__name__.startswith("_")}


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_in_the_reference(package):
    module = import_module(f"superionic.{package}")
    public = [getattr(module, name) for name in module.__all__]
    missing = [o for o in public if getattr(o, "__module__", "").startswith("superionic") and not is_documented(o)]
    assert not missing


@pytest.mark.parametrize("base", [Document, StageSettings, SuperionicError])
def test_documents_settings_and_errors_are_in_the_reference(base):
    assert not [c for c in classes() if issubclass(c, base) and not is_documented(c)]


def test_makers_are_in_the_reference():
    assert not [c for c in classes() if c.__name__.endswith("Maker") and not is_documented(c)]


def test_queries_are_in_the_reference():
    assert not [name for name in queries.__all__ if not is_documented(getattr(queries, name))]


def test_every_field_of_a_model_is_described():
    """Units are in the descriptions, which the reference prints."""
    models = [c for c in classes() if issubclass(c, BaseModel)]
    bare = {f"{c.__name__}.{n}" for c in models for n, f in c.model_fields.items() if not f.description}
    described_by_their_type = {
        f"{c.__name__}.{n}"
        for c in models
        for n, f in c.model_fields.items()
        if inspect.isclass(f.annotation) and issubclass(f.annotation, BaseModel)
    }
    assert not bare - described_by_their_type


def documented_names(text, section):
    """Names that a section of a numpydoc docstring describes."""
    found = re.search(
        rf"^{section}\n-+\n(.*?)(?=^\S+.*\n-+\n|\Z)", inspect.cleandoc(text or ""), re.MULTILINE | re.DOTALL
    )
    lines = found[1].splitlines() if found else []
    heads = [line.split(" : ")[0] for line in lines if line and not line.startswith((" ", ".."))]
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def functions():
    for info in pkgutil.walk_packages(superionic.__path__, "superionic."):
        if info.name.startswith(INTERNAL) or "._" in info.name or "torchsim" in info.name or "__main__" in info.name:
            continue
        module = import_module(info.name)
        for owner in [module, *(c for c in vars(module).values() if inspect.isclass(c))]:
            for name, obj in vars(owner).items():
                found = inspect.unwrap(getattr(obj, "__func__", obj))
                if inspect.isfunction(found) and found.__module__ == info.name and not name.startswith("_"):
                    yield f"{info.name}.{found.__qualname__}", found


def test_documented_parameters_are_those_of_the_function():
    wrong = {}
    for name, function in functions():
        described = documented_names(function.__doc__, "Parameters")
        parameters = set(inspect.signature(function).parameters) - {"self", "cls"}
        if described and described != parameters:
            wrong[name] = sorted(described ^ parameters)
    assert not wrong
