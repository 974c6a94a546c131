"""Python blocks run where they can, and otherwise call what exists with keywords that exist."""

import ast
import inspect
from importlib import import_module

import pytest
from examples import PREPARED
from pages import ROOT, blocks

NOT_RUN = "not run"


def name_of(block):
    return block.place


def imported(tree):
    """What a block imports from superionic, by the name that it uses."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("superionic"):
            module = import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"
                found[alias.asname or alias.name] = getattr(module, alias.name)
    return found


@pytest.mark.parametrize("block", blocks("python"), ids=name_of)
def test_names_and_keywords_exist(block):
    tree = ast.parse(block.text)
    names = imported(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Name) and call.func.id in names:
            signature = inspect.signature(names[call.func.id])
            starred = any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords)
            bind = signature.bind_partial if starred else signature.bind
            bind(*[None] * len(call.args), **{keyword.arg: None for keyword in call.keywords if keyword.arg})


def runnable():
    """Blocks that are run, by page: one after the other in one namespace."""
    found = {}
    for block in blocks("python"):
        if not block.mark.startswith(NOT_RUN):
            found.setdefault(block.page.relative_to(ROOT).as_posix(), []).append(block)
    return found


@pytest.mark.parametrize("page", runnable())
def test_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = PREPARED[page]() if page in PREPARED else {}
    for block in runnable()[page]:
        exec(compile(block.text, block.place, "exec"), names)  # noqa: S102 (the documentation is ours)
