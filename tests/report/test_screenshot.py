"""The page in a real browser without network."""

import shutil
import subprocess

import pytest

from superionic.report import write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PROBE = """
<script>
window.addEventListener("load", () => setTimeout(() => {
  const drawn = document.querySelectorAll(".plot .main-svg").length;
  const plots = [...document.querySelectorAll(".plot")].filter((plot) => plot.querySelector(".main-svg")).length;
  const wide = document.documentElement.scrollWidth > window.innerWidth;
  document.title = `plots ${plots} drawn ${drawn > 0} overflow ${wide}`;
}, 3000));
</script>
"""


@pytest.mark.integration
def test_all_figures_are_drawn_and_nothing_sticks_out(campaign, tmp_path):
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no chromium on this machine: the page is not looked at by a browser")
    # isosurfaces need a GPU or minutes of software rendering
    page = write_report(campaign, tmp_path / "report.html")
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}"),
        *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--host-resolver-rules=MAP * ~NOTFOUND"),
        *("--window-size=1280,900", "--virtual-time-budget=20000", "--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert "<title>plots 12 drawn true overflow false</title>" in done.stdout
