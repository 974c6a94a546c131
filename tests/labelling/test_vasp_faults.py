"""Causes of runs that ended badly, from custodian's exceptions and its log."""

import errno
import gzip
import json

import pytest

from superionic.labelling.schemas import Refusal
from superionic.labelling.vasp_faults import cause_of, corrections


class NonRecoverableError(RuntimeError):
    pass


class MaxCorrectionsPerJobError(RuntimeError):
    pass


class ReturnCodeError(RuntimeError):
    pass


class ValidationError(RuntimeError):
    pass


def entry(handler, errors, tags=None):
    actions = [{"dict": "INCAR", "action": {"_set": tags}}] if tags else None
    return {"errors": errors, "actions": actions, "handler": {"@class": handler}}


def log(folder, *entries, packed=False):
    text = json.dumps([{"corrections": list(entries)}])
    if packed:
        (folder / "custodian.json.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (folder / "custodian.json").write_text(text)


@pytest.mark.parametrize(
    ("error", "entries", "cause"),
    [
        (NonRecoverableError, [("FrozenJobErrorHandler", ["Frozen job"], None)], Refusal.FROZEN),
        (NonRecoverableError, [("UnconvergedErrorHandler", ["Unconverged"], None)], Refusal.NOT_CONVERGED),
        (NonRecoverableError, [("VaspErrorHandler", ["real_optlay"], None)], Refusal.CODE_ERROR),
        (NonRecoverableError, [], Refusal.CODE_ERROR),
        (
            MaxCorrectionsPerJobError,
            [("UnconvergedErrorHandler", ["Unconverged"], {"ALGO": "Normal"})] * 3,
            Refusal.NOT_CONVERGED,
        ),
        (
            MaxCorrectionsPerJobError,
            [("VaspErrorHandler", ["brmix"], {"IMIX": 1}), ("UnconvergedErrorHandler", ["Unconverged"], {"NELM": 9})],
            Refusal.TOO_MANY_CORRECTIONS,
        ),
        (ReturnCodeError, [], Refusal.CRASHED),
        (ValidationError, [], Refusal.CRASHED),
        (IndexError, [], Refusal.UNREADABLE_OUTPUT),
        (FileNotFoundError, [], Refusal.UNREADABLE_OUTPUT),
    ],
)
def test_each_end_has_a_cause(tmp_path, error, entries, cause):
    log(tmp_path, *(entry(*item) for item in entries))
    found, message = cause_of(error("what custodian said"), tmp_path)
    assert found is cause
    assert message


def test_a_cut_off_file_is_no_crash(tmp_path):
    for name in ("vasprun.xml", "CONTCAR", "OSZICAR", "OUTCAR"):
        (tmp_path / name).write_text("<modeling>")
    assert cause_of(ValidationError("no"), tmp_path)[0] is Refusal.UNREADABLE_OUTPUT
    (tmp_path / "vasprun.xml").write_text("")
    (tmp_path / "vasp.out").write_text("running\nforrtl: severe (174)\n\n")
    cause, message = cause_of(ValidationError("no"), tmp_path)
    assert (cause, "forrtl: severe (174)" in message) == (Refusal.CRASHED, True)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "disk full"), OSError(errno.EIO, "disk"), MemoryError()])
def test_errors_of_the_machine_are_no_causes(tmp_path, error):
    with pytest.raises(type(error)):
        cause_of(error, tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_corrections_are_told_in_words(tmp_path, packed):
    assert corrections(tmp_path) == []
    log(
        tmp_path,
        entry("VaspErrorHandler", ["brmix"], {"IMIX": 1}),
        entry("StdErrHandler", ["out_of_memory"]),
        packed=packed,
    )
    assert corrections(tmp_path) == ["brmix -> IMIX = 1", "out_of_memory -> no cure"]


def test_names_are_custodians():
    """The causes are told by class names, so those must exist."""
    custodian = pytest.importorskip("custodian.custodian")
    handlers = pytest.importorskip("custodian.vasp.handlers")
    from superionic.labelling import vasp_faults
    from superionic.labelling.vasp_maker import NO_CURE

    for name in ("NonRecoverableError", "MaxCorrectionsError", "MaxCorrectionsPerJobError", "ReturnCodeError"):
        assert issubclass(getattr(custodian, name), Exception)
    assert hasattr(handlers, vasp_faults.UNCONVERGED)
    assert hasattr(handlers, vasp_faults.FROZEN)
    assert set(handlers.VaspErrorHandler.error_msgs) >= NO_CURE
