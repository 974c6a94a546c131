"""Links to other sites and between the README and the pages; Sphinx checks those inside the site (`make docs`)."""

import re

import pytest
from pages import PAGES, ROOT

URL = re.compile(r"https?://[^\s)>`'\"|,;]+")
HTTP_ONLY = ("http://localhost", "http://127.0.0.1")
GONE = ("materialsproject.org/docs", "github.com/user", "example.com", "readthedocs.org/")
DOI = re.compile(r"10\.\d{4,9}/[a-zA-Z0-9.()/:;_-]+[a-zA-Z0-9)]")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_other_sites_are_sound(page):
    for url in URL.findall(page.read_text()):
        assert url.startswith("https://") or url.startswith(HTTP_ONLY), f"{page.name}: {url} is not https"
        assert not any(place in url for place in GONE), f"{page.name}: {url} leads nowhere"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_dois_have_the_form_of_one(page):
    text = page.read_text()
    named = re.findall(r"doi\.org/([^\s)>\]]+)|(?<!\w)[dD][oO][iI] (?=10)(\S+)", text)
    for doi in filter(None, (a or b for a, b in named)):
        assert DOI.match(doi.rstrip(".,;:)")), f"{page.name}: {doi} is no DOI"


def test_files_that_the_readme_links_exist():
    targets = re.findall(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)", (ROOT / "README.md").read_text())
    assert targets
    assert not [target for target in targets if not (ROOT / target).exists()]


def test_every_page_is_in_the_contents():
    toctrees = "\n".join(page.read_text() for page in (ROOT / "docs/index.md", ROOT / "docs/reference/python.md"))
    pages = [page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    listed = {line.strip() for line in toctrees.splitlines()}
    missing = [page for page in pages if page != "index" and page.removeprefix("reference/") not in listed | {page}]
    assert not [p for p in missing if p not in listed]
