"""Checks of a training before its first epoch: whose labels the replay structures carry, and whether the E0s fit."""

from __future__ import annotations

import math

from superionic.stages import E0Source
from superionic.training.mace_command import HEAD, REPLAY_HEAD, TrainingRequest
from superionic.training.mace_evidence import Evidence, Findings
from superionic.training.mace_log import ValidationRecord

REPLAY_TOLERANCE = {"float32": (0.5, 1.0, 0.05), "float64": (0.01, 0.01, 0.001)}
"""Errors of the replay head before training, meV/atom, meV/A, meV/A^3: it must reproduce its own pseudo-labels."""
REPLAY_RELATIVE = 0.02
OFFSET_LIMIT_meV_per_atom = 1000.0
UNITS = {
    "energy_rmse_meV_per_atom": "meV/atom",
    "force_rmse_meV_per_A": "meV/A",
    "stress_rmse_meV_per_A3": "meV/A^3",
}


def check_start(findings: Findings, request: TrainingRequest, evidence: Evidence) -> None:
    """Compare MACE's errors before training with what they must be.

    The replay head still is the foundation then, so its errors are the foundation's: none against its own labels, and
    known ones against labels of a file.
    """
    start = {record.head: record for record in evidence.history if record.epoch < 0}
    for head in request.heads:
        findings.true(head in start, f"the results hold no initial errors of head {head}")
    if REPLAY_HEAD in start and REPLAY_HEAD in request.heads:
        _check_replay(findings, request, evidence, start[REPLAY_HEAD])
    findings.equal("source of the E0s", request.settings.e0_source.value, evidence.e0_source)
    if HEAD in start and evidence.foundation is not None:
        offset = start[HEAD].energy_rmse_meV_per_atom
        isolated = request.settings.e0_source is not E0Source.ESTIMATED
        findings.true(
            offset <= OFFSET_LIMIT_meV_per_atom,
            f"E0s: the new head starts {offset:g} meV/atom off its labels, so its E0s do not belong to their level "
            "of theory" + (", or those of the foundation are no isolated atoms: use e0s: estimated" * isolated),
        )


def _check_replay(findings: Findings, request: TrainingRequest, evidence: Evidence, found: ValidationRecord) -> None:
    asked = request.settings.replay_labels.value
    replay = evidence.replay or {}
    findings.equal("labels of the replay structures", asked, replay.get("labels"))
    expected = replay.get("foundation_errors", {})
    for (name, unit), limit in zip(UNITS.items(), REPLAY_TOLERANCE[request.settings.dtype], strict=True):
        value, wanted = float(getattr(found, name)), float(expected.get(name, 0.0))
        findings.true(
            math.isclose(value, wanted, rel_tol=REPLAY_RELATIVE, abs_tol=limit),
            f"replay labels ({asked}): before training the replay head misses them by {value:g} {unit}, the foundation "
            f"by {wanted:g}, so they are others or the foundation's weights were not loaded",
        )
    offset = float(expected.get("energy_rmse_meV_per_atom", 0.0))
    findings.true(
        offset <= OFFSET_LIMIT_meV_per_atom,
        f"replay labels ({asked}): they lie {offset:g} meV/atom off the foundation, so they are not of its level of "
        "theory; use replay_labels: foundation",
    )
