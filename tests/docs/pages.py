"""Reads the pages of the documentation: code blocks with their marks, and text without them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"^% (?P<mark>.+)\n\s*\Z", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block; `mark` is the comment line (`% ...`) right above it."""

    page: Path
    line: int
    language: str
    text: str
    mark: str

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages):
    return [block for page in PAGES for block in blocks_of(page) if block.language in languages]


def blocks_of(page):
    text = page.read_text()
    for found in FENCE.finditer(text):
        mark = MARK.search(text[: found.start()].rpartition("\n\n")[2])
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["language"], found["text"], mark["mark"] if mark else "")


def prose(page):
    """Text of a page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
