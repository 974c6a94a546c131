"""A labelling stage for real workers: frames of one crystal, labelled with the VASP stand-in."""

import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
from jobflow import Flow, job
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp import Poscar

from superionic.documents import CompositionInfo
from superionic.flows.stages import Category, Stage, mark
from superionic.labelling.jobs import LabelSetMaker
from superionic.labelling.ordering import for_vasp
from superionic.labelling.schemas import Refusal
from superionic.potentials.schemas import PotentialRef
from superionic.sampling.schemas import SamplingDoc, SamplingSetDoc
from superionic.stages import LabellingSettings, VaspSettings

CAMPAIGN = "vasp-campaign"
COMPOSITION = CompositionInfo(axes={}, label="host", formula="LiCl")
HALVES = [[0, 0, 0], [1, 1, 1], [0, 1, 1], [1, 0, 0], [1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]]
PLACES = 0.5 * np.array(HALVES)

EXPECTED = {
    "ok": None,
    "unconverged": None,
    "unconverged_always": Refusal.NOT_CONVERGED,
    "subspace": None,
    "edddav": None,
    "zbrent": Refusal.CRASHED,
    "brmix": None,
    "real_optlay": Refusal.CODE_ERROR,
    "truncated": Refusal.UNREADABLE_OUTPUT,
    "crash": Refusal.CRASHED,
    "frozen": Refusal.FROZEN,
    "soft_stop": Refusal.STOPPED,
    "hard_stop": Refusal.NOT_CONVERGED,
    "no_forces": Refusal.MISSING_DATA,
    "no_stress": Refusal.MISSING_DATA,
    "nan_forces": Refusal.NOT_FINITE,
}
"""What becomes of a label whose calculation meets a fault of the stand-in; None: a correct label."""


def frame(number):
    """Interleaved, slightly distorted LiCl, so that each label needs sorting and has a structure of its own."""
    shifts = np.random.default_rng(number).normal(0, 0.01, (8, 3))
    return Structure(Lattice.cubic(5.2), ["Li", "Cl"] * 4, PLACES + shifts)


@job(data=["frames"], output_schema=SamplingDoc)
def sampled(n):
    return SamplingDoc(
        key="frames",
        spec_key=CAMPAIGN,
        composition=COMPOSITION,
        potential=PotentialRef(name="none", sha256="0" * 64, level_of_theory="none"),
        parent_index=0,
        parent_id="parent",
        seed=0,
        temperature_K=800,
        mean_temperature_K=800,
        time_ps=1,
        frame_times_ps=[0.1 * (i + 1) for i in range(n)],
        frames=[frame(i) for i in range(n)],
        strains=[np.zeros((3, 3)).tolist()] * n,
        rejected_strains=0,
    )


@job(output_schema=SamplingSetDoc)
def joined(run):
    return SamplingSetDoc(key="set", spec_key=CAMPAIGN, composition=COMPOSITION, runs=[run], requested=1)


def flow(n, vasp=None, min_success_fraction=0.01):
    settings = LabellingSettings(vasp=vasp or VaspSettings(), min_success_fraction=min_success_fraction)
    run = sampled(n)
    sampling = joined(run.output)
    labels = LabelSetMaker("label", settings).make(sampling.output)
    mark(labels, Stage.LABELLING, Category.VASP, CAMPAIGN)
    return Flow([run, sampling, labels]), labels


def write_faults(file, faults):
    """Fault file of the stand-in: the i-th frame meets the i-th fault."""
    from superionic.labelling.fake_vasp.inputs import read_poscar

    texts = [Poscar(for_vasp(frame(i)).structure).get_str() for i in range(len(faults))]
    hashes = [read_poscar(text).content_hash for text in texts]
    file.write_text(json.dumps({"structures": dict(zip(hashes, faults, strict=True))}))


def stand_in_environment(folder):
    """Variables with which VASP is the stand-in, with synthetic POTCARs."""
    from superionic.labelling.fake_vasp import write_synthetic_potcars

    command = folder / "fake_vasp.sh"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m superionic.labelling.fake_vasp "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    write_synthetic_potcars(folder / "potcars", [])
    return {
        "ATOMATE2_VASP_CMD": f"'{command}'",
        "ATOMATE2_VASP_GAMMA_CMD": f"'{command}'",
        "PMG_VASP_PSP_DIR": str(folder / "potcars"),
        "SUPERIONIC_REHEARSAL": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))),
        "OMP_NUM_THREADS": "1",
    }


def model_values(structure):
    """Energy, forces and stress of the stand-in's model, without files."""
    from superionic.labelling.fake_vasp.pair_model import evaluate

    symbols = [site.specie.symbol for site in structure]
    return evaluate(structure.lattice.matrix, structure.cart_coords, symbols)
