"""Isolated atoms of a campaign, for the E0s of its potential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobflow import Flow

from superionic.flows.stages import Category, Stage, mark
from superionic.labelling.isolated_atom import IsolatedAtomMaker
from superionic.spec import ElectrolyteSpec
from superionic.stages import E0Source


@dataclass
class IsolatedAtoms:
    """Jobs that compute isolated atoms, and references to their documents; both empty where the spec asks for none."""

    flows: list[Flow]
    outputs: list[Any]


def isolated_atoms(spec: ElectrolyteSpec) -> IsolatedAtoms:
    """One job per element of the spec, if ``training.e0s`` is ``isolated``."""
    if spec.training.e0_source is not E0Source.ISOLATED:
        return IsolatedAtoms([], [])
    flow = IsolatedAtomMaker(settings=spec.labelling).make_all(spec.elements)
    return IsolatedAtoms([mark(flow, Stage.LABELLING, Category.VASP, spec.key)], list(flow.output.values()))
