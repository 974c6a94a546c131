"""The tests of the documentation share the reader of its pages."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE, HERE.parents[1] / "docs/_ext"):  # the reader of the pages; how the reference lists modules
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
