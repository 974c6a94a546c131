"""The labelled structures, models and documents of the training tests, for the commands that use them."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_SPEC = spec_from_file_location("training_fixtures", Path(__file__).parents[1] / "training" / "conftest.py")
_MODULE = module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

frames, _frames, make_model, tiny_foundation = (
    getattr(_MODULE, name) for name in ("frames", "_frames", "make_model", "tiny_foundation")
)
