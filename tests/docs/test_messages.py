"""Messages that pages quote are those of the code: what a reader searches for must be found."""

import ast
import re
from functools import cache

import pytest
from pages import PAGES, ROOT

PLACEHOLDER = "\0"
OF_OTHERS = ("superionic-output-",)  # names of files, not messages


@cache
def source_texts():
    """Every string of the sources; the values of f-strings are placeholders."""
    found = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                found.append("".join(v.value if isinstance(v, ast.Constant) else PLACEHOLDER for v in node.values))
    return [" ".join(text.split()) for text in found]


def messages():
    for page in PAGES:
        text = page.read_text()
        quoted = []
        if page.name == "troubleshooting.md":
            quoted = re.findall(r"^`(.+?)`.*\n: ", text, re.MULTILINE)
        for table in re.findall(r"^\| message \|.*\n\| --- .*\n((?:\|.*\n)+)", text, re.MULTILINE):
            quoted += [q for row in table.splitlines() for q in re.findall(r"`(.+?)`", row.split(" | ")[0])]
        for message in quoted:
            if not message.startswith(OF_OTHERS):
                yield pytest.param(message, id=f"{page.name} {message[:60]}")


@pytest.mark.parametrize("message", list(messages()))
def test_quoted_messages_are_raised(message):
    parts = [re.escape(part.strip()) for part in message.split("...") if part.strip(" .")]
    pattern = re.compile(".*".join(parts))
    assert any(pattern.search(text) for text in source_texts()), f"no string of the sources holds {message!r}"
