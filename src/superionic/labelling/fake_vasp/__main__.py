"""``python -m superionic.labelling.fake_vasp``: run the stand-in (NOT VASP) in the current folder."""

import sys

from superionic.labelling.fake_vasp.main import run

sys.exit(run())
