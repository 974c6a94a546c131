"""The page in a real browser without network: everything is drawn, no text meets another or is cut off."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape

import pytest

from superionic.report import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PROBE = """
<script>
window.addEventListener("load", () => setTimeout(() => {
  const faults = [];
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
  if (document.documentElement.scrollWidth > window.innerWidth) faults.push("the page is too wide");
  document.querySelectorAll(".scroll").forEach((table) => {
    if (table.scrollWidth > table.clientWidth) faults.push("a table is too wide");
  });
  document.title = `PROBE ${plots.length} ${JSON.stringify(faults)}`;
}, 3000));
</script>
"""


@pytest.mark.integration
@pytest.mark.parametrize("width", [1280, 1920])
def test_all_figures_are_drawn_and_no_text_overlaps(campaign, active, tmp_path, width):
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no chromium on this machine: the page is not looked at by a browser")
    page = write_report(replace(campaign, active=active), tmp_path / "report.html")
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}"),
        *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--host-resolver-rules=MAP * ~NOTFOUND"),
        *(f"--window-size={width},900", "--virtual-time-budget=20000", "--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found = re.search(r"<title>PROBE (\d+) (.*?)</title>", done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-500:]
    assert int(found[1]) == 17
    assert json.loads(unescape(found[2])) == []
