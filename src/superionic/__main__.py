"""``python -m superionic``."""

from superionic.cli.main import run

run()
