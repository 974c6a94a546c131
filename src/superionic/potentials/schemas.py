"""Documents of the screening stage and the reference by which a potential travels."""

from pydantic import Field
from pymatgen.core import Structure

from superionic.documents import BaseDoc, Blob, Document


class PotentialRef(Document):
    """Names one potential exactly: which file, which head, which precision."""

    name: str = Field(description="superionic-mini, mace-mp-0a-medium, a path, or the key of a ModelDoc")
    head: str | None = Field(None, description="head of a multi-head model")
    sha256: str = Field(description="SHA-256 of the model file")
    dtype: str = Field("float64", description="floating point type of the evaluation")
    level_of_theory: str = Field(description="what the potential was trained on, surrogates named as such")


class RelaxedStructure(Document):
    """A structure after relaxation with a potential."""

    source_index: int = Field(description="position of the start structure in the document it came from")
    structure: Structure = Field(description="relaxed structure")
    energy_eV: float = Field(description="potential energy of the cell, eV")
    energy_eV_per_atom: float = Field(description="potential energy per atom, eV")
    max_force_eV_per_A: float = Field(description="largest force component left, eV/A")
    n_steps: int = Field(description="optimiser steps taken")
    converged: bool = Field(description="whether the force criterion was met")


class Failure(Document):
    """One piece of work that failed and was left out."""

    item: str = Field(description="what failed")
    cause: str = Field(description="exception or refusal that explains it")


class RelaxedSetDoc(BaseDoc):
    """Orderings of one composition relaxed with some potential; screening and ground states build on it."""

    potential: PotentialRef = Field(description="the potential")
    relaxed: list[RelaxedStructure] = Field(description="relaxed orderings, lowest energy per atom first (store: data)")


class ScreeningDoc(RelaxedSetDoc):
    """Orderings of one composition relaxed with the foundation potential."""

    descriptors: list[list[float]] = Field(description="pooled descriptor per relaxed ordering (store: data)")
    energies_eV_per_atom: list[float] = Field(description="energy per atom of each relaxed ordering, eV")
    failures: list[Failure] = Field(default=[], description="orderings that could not be relaxed")


__all__ = ["Blob", "Failure", "PotentialRef", "RelaxedSetDoc", "RelaxedStructure", "ScreeningDoc"]
