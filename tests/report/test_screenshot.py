"""The page in a real browser without network: everything is drawn, no text meets another or is cut off."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape

import pytest
from paper_sized import paper_sized

from superionic.report import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# before all other scripts: what goes wrong while the page is made
LISTENER = """
<script>
window.faults = [];
["error", "warn"].forEach((kind) => {
  const said = console[kind].bind(console);
  console[kind] = (...words) => { window.faults.push(`console ${kind}: ${words.join(" ")}`); said(...words); };
});
window.addEventListener("error", (event) => window.faults.push(`error: ${event.message}`), true);
window.addEventListener("unhandledrejection", (event) => window.faults.push(`rejected: ${event.reason}`));
</script>
"""
PROBE = """
<script>
window.addEventListener("load", () => setTimeout(() => {
  const faults = window.faults;
  const plots = [...document.querySelectorAll(".plot")];
  plots.forEach((plot) => {
    if (!plot.querySelector(".main-svg")) faults.push(`${plot.id} is not drawn`);
    const frame = plot.getBoundingClientRect();
    const texts = [...plot.querySelectorAll("svg text")]
      .map((text) => ({ words: text.textContent.trim(), box: text.getBoundingClientRect() }))
      .filter((text) => text.words && text.box.width > 0);
    texts.forEach(({ words, box: a }, i) => {
      const cut = Math.max(frame.left - a.left, a.right - frame.right, frame.top - a.top, a.bottom - frame.bottom);
      if (cut > 1) faults.push(`${plot.id}: ${words} is cut off`);
      texts.slice(i + 1).forEach(({ words: other, box: b }) => {
        const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (width > 1 && height > 3) faults.push(`${plot.id}: ${words} meets ${other}`);
      });
    });
  });
  const parts = [...document.querySelectorAll("h1, h2, h3, p, figcaption, nav, summary, .plot, .scroll")];
  const boxes = parts.filter((part) => part.checkVisibility());
  boxes.forEach((first, i) => {
    const a = first.getBoundingClientRect();
    boxes.slice(i + 1).forEach((second) => {
      if (first.contains(second) || second.contains(first)) return;
      const b = second.getBoundingClientRect();
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const words = [first, second].map((part) => part.textContent.slice(0, 40)).join(" meets ");
      if (width > 1 && height > 1) faults.push(words);
    });
  });
  document.querySelectorAll(".plot, button, table").forEach((part) => {
    const names = (part.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean);
    const known = names.length && names.every((name) => document.getElementById(name));
    if (part.matches(".plot") && !known) faults.push(`${part.id} has no name for those who cannot see it`);
    if (part.matches("table") && !part.querySelector("th[scope=col]")) faults.push("a table without scopes");
    if (part.matches("button") && part.tabIndex < 0) faults.push(`${part.textContent} is not reached by the keyboard`);
  });
  if (document.documentElement.scrollWidth > window.innerWidth) faults.push("the page is too wide");
  document.querySelectorAll(".scroll").forEach((table) => {
    if (table.scrollWidth > table.clientWidth) faults.push("a table is too wide");
  });
  document.title = `PROBE ${plots.length} ${JSON.stringify(faults)}`;
}, 3000));
</script>
"""


LARGEST_BYTES = 15e6


def browser():
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(
            "no chromium on this machine (Debian: apt install chromium): the page is not looked at by a browser"
        )
    return found


def look_at(page, folder, width):
    """Number of figures and all faults that a browser of a given width finds."""
    content = page.read_text(encoding="utf-8")
    content = content.replace("<head>", f"<head>{LISTENER}", 1).replace("</body>", f"{PROBE}</body>")
    page.write_text(content, encoding="utf-8")
    command = [
        *(browser(), "--headless", "--no-sandbox", "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}"),
        *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--host-resolver-rules=MAP * ~NOTFOUND"),
        *(f"--window-size={width},900", "--virtual-time-budget=20000", "--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found = re.search(r"<title>PROBE (\d+) (.*?)</title>", done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-500:]
    return int(found[1]), json.loads(unescape(found[2]))


@pytest.mark.integration
@pytest.mark.parametrize("width", [1280, 1920])
def test_all_figures_are_drawn_and_no_text_overlaps(campaign, active, tmp_path, width):
    page = write_report(replace(campaign, active=active), tmp_path / "report.html")
    assert look_at(page, tmp_path, width) == (20, [])


@pytest.mark.integration
@pytest.mark.parametrize("width", [1280, 1920])
def test_a_campaign_of_the_papers_size_is_drawn_without_faults(campaign, synthetic, tmp_path, width):
    page = write_report(
        paper_sized(campaign, synthetic["phase_diagram"]), tmp_path / "report.html", temperature_K=800.0
    )
    assert look_at(page, tmp_path, width) == (22, [])


def test_a_campaign_of_the_papers_size_stays_small(campaign, synthetic, tmp_path):
    page = write_report(paper_sized(campaign, synthetic["phase_diagram"]), tmp_path / "report.html")
    assert 4e6 < page.stat().st_size < LARGEST_BYTES
