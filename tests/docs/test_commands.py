"""Every command on a page exists: sub-command, options, their choices, needed arguments, make targets, scripts."""

import re
import shlex

import pytest
import typer
from pages import PAGES, ROOT, blocks, prose

from superionic.cli.main import app

PLACEHOLDER = re.compile(r"[\[\]{}|…]|\.\.\.|<")
COMMENT = re.compile(r"(^|\s)#.*$")
EVERYWHERE = ("--project", "--json", "--csv")
VARIABLES = re.compile(r"^(?:[A-Z_]+=\S+ +)+")


def shell_lines():
    """Lines that a reader would type, without comments and variables."""
    for block in blocks("console", "bash"):
        lines = block.text.replace("\\\n", " ").splitlines()
        prompts = any(line.startswith("$ ") for line in lines)
        for line in lines:
            if line.startswith("$ ") or not prompts:
                yield block.place, VARIABLES.sub("", COMMENT.sub("", line.removeprefix("$ ")).strip())


def commands(program):
    parts = ((place, part.strip()) for place, line in shell_lines() for part in re.split(r" && | \| | > |;", line))
    return [pytest.param(p, id=f"{place} {p[:60]}") for place, p in parts if p.startswith(f"{program} ")]


def inline_commands():
    found = []
    for page in PAGES:
        for text in re.findall(r"`(superionic [^`]+)`", prose(page)):
            line = " ".join(text.split())
            if not PLACEHOLDER.search(line):
                found.append(pytest.param(line, id=f"{page.name} {line[:60]}"))
    return found


def leaf_of(words):
    """The command that a line calls, and the words that are left for it."""
    command, path = typer.main.get_command(app), ["superionic"]
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, f"{' '.join(path)} has no command {words[0]}"
        command = command.commands[words[0]]
        path.append(words[0])
        words = words[1:]
    return command, " ".join(path), words


def complaint(line):
    """What the parser of the command line says against it, if anything."""
    command, path, words = leaf_of(shlex.split(line)[1:])
    if hasattr(command, "commands"):
        return None
    try:
        command.make_context(path, words)
    except Exception as error:  # noqa: BLE001 (typer's own exceptions are not public)
        return f"{type(error).__name__}: {getattr(error, 'message', error)}"
    return None


@pytest.mark.parametrize("line", commands("superionic"))
def test_commands_parse(line):
    assert complaint(line) is None


@pytest.mark.parametrize("line", inline_commands())
def test_commands_in_the_text_exist(line):
    said = complaint(re.sub(r" [A-Z]+$", " 1", line))  # `-n N`
    assert said is None or said.startswith(("MissingParameter", "NoArgsIsHelpError")), said


@pytest.mark.parametrize("line", commands("make"))
def test_make_targets_exist(line):
    target = line.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_and_files_of_the_repository_exist(page):
    named = re.findall(r"(?:benchmarks|workflows|tests)/[\w/]+\.(?:py|yaml)", page.read_text())
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_command_is_in_the_reference():
    """The page of the command line names every command, and every option of the commands that it tabulates."""
    page = (ROOT / "docs/reference/cli.md").read_text()
    for name, command in typer.main.get_command(app).commands.items():
        assert f"`superionic {name}" in page, f"superionic {name} is missing"
        section = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        for parameter in command.params if section else ():
            options = [o for o in (*parameter.opts, *parameter.secondary_opts) if o.startswith("--")]
            shown = not options or any(f"`{option}" in page for option in options)
            assert shown or options[0] in EVERYWHERE, f"superionic {name}: {options[0]} is missing"
