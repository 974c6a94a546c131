"""Labels as arrays are the labels, bit for bit, whether made of structures or of what the database keeps of them."""

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from monty.json import MontyDecoder, jsanitize
from pydantic import ValidationError
from pymatgen.core import Structure

from superionic.builders.stored import light_document
from superionic.documents import BaseDoc, CompositionInfo
from superionic.errors import DatabaseError, InputError
from superionic.labelling.packed import Label, geometry_of, pack
from superionic.labelling.schemas import (
    CalculationInfo,
    LabelDoc,
    LabelSetDoc,
    PackedLabels,
    StoredLabel,
    common_fields,
)

LEVEL = "arithmetic"
numbers = st.floats(width=64, allow_nan=False, allow_infinity=False)  # both zeros and subnormal numbers among them
compositions = st.sampled_from(
    [None, *(CompositionInfo(axes={"x": x}, label=f"x={x:g}", formula="LiCl") for x in (0.5, 1.0))]
)


@st.composite
def labels(draw):
    n = draw(st.integers(1, 7))
    return Label(
        key=draw(st.uuids()).hex,
        level_of_theory=LEVEL,
        parent_id=draw(st.text(max_size=5)),
        frame_index=draw(st.none() | st.integers(0, 2**31 - 1)),
        composition=draw(compositions),
        numbers=draw(arrays(np.int64, n, elements=st.integers(1, 118))),
        fractional=draw(arrays(np.float64, (n, 3), elements=numbers)),
        cell_A=draw(arrays(np.float64, (3, 3), elements=numbers)),
        energy_eV=draw(numbers),
        forces_eV_per_A=draw(arrays(np.float64, (n, 3), elements=numbers)),
        stress_eV_per_A3=draw(arrays(np.float64, (3, 3), elements=numbers)),
    )


def bits(label):
    """All that a label holds, such that -0.0 is not 0.0."""
    values = [getattr(label, item.name) for item in fields(label)]
    return [
        (str(value.dtype), value.shape, value.tobytes()) if isinstance(value, np.ndarray) else repr(value)
        for value in values
    ]


def stored(document):
    """A document as it comes back from the database."""
    return json.loads(json.dumps(jsanitize(document, strict=True, enum_values=True)))


@settings(deadline=None, max_examples=30)
@given(st.lists(labels(), max_size=6))
def test_labels_come_back_bit_for_bit_through_the_database(made):
    document = LabelSetDoc(
        labels=PackedLabels.of(made),
        label_keys=[label.key for label in made],
        requested=len(made),
        level_of_theory=LEVEL,
    )
    found = MontyDecoder().process_decoded(stored(document)).unpack()
    assert [bits(label) for label in found] == [bits(label) for label in made]


@pytest.fixture
def documents(rock_salt):
    """Labels of distorted cells of two sizes."""
    rng = np.random.default_rng(0)
    return [label_doc(rock_salt * (1 + number % 2, 1, 1), number, rng) for number in range(4)]


def label_doc(structure, number, rng):
    n, how = len(structure), {"settings": {"ENCUT": 520}, "potcar_titles": {"Li": "Li_sv", "Cl": "Cl"}}
    return LabelDoc(
        key=f"label {number}",
        structure=Structure(structure.lattice, structure.species, structure.frac_coords + rng.normal(size=(n, 3))),
        energy_eV=rng.normal(),
        forces_eV_per_A=rng.normal(size=(n, 3)).tolist(),
        stress_eV_per_A3=rng.normal(size=(3, 3)).tolist(),
        level_of_theory=LEVEL,
        accepted=True,
        settings_hash="hash",
        calculation=CalculationInfo(code="vasp", folder="node:/run", task_document={"large": 1}, **how),
        parent_id=f"parent {number // 2}",
        frame_index=number,
        composition=CompositionInfo(axes={"x": 1.0}, label="x=1", formula="LiCl"),
    )


def test_what_the_database_keeps_of_a_label_gives_the_arrays_of_its_structure(documents):
    for document in documents:
        read = StoredLabel.read(stored(document))
        assert bits(read.as_label()) == bits(document.as_label())
        assert read.model_dump(exclude={"structure"}) == document.model_dump(exclude={"structure"})
        label = document.as_label()
        assert label.fractional.tobytes() == document.structure.frac_coords.tobytes()
        assert label.structure == document.structure
        assert label.atoms.positions == pytest.approx(document.structure.cart_coords, abs=1e-12)


class SetOfDocuments(BaseDoc):
    """A LabelSetDoc of earlier versions."""

    labels: list[LabelDoc]
    label_keys: list[str]
    requested: int
    level_of_theory: str


def test_sets_that_hold_whole_documents_can_be_read_and_are_packed(documents):
    """So they were stored at first, and so they still lie in databases."""
    new = stored(LabelSetDoc(**common_fields(documents), requested=5, key="set"))
    kept = {name: new[name] for name in ("key", "label_keys", "requested", "level_of_theory")}
    old = stored(SetOfDocuments(**kept, labels=documents)) | {name: new[name] for name in ("@module", "@class")}
    for output in (old, {**old, "settings_hash": "hash"}):
        found = MontyDecoder().process_decoded(output)
        assert found == MontyDecoder().process_decoded(new)
        assert found == light_document(LabelSetDoc, output), "structures may be decoded before or not"
        assert (found.settings_hash, found.label_settings) == ("hash", {"ENCUT": 520})
        assert found.potcar_titles == {"Cl": ["Cl"], "Li": ["Li_sv"]}
    light = light_document(LabelSetDoc, {**old, "labels": {"blob_uuid": "u", "store": "data"}})
    with pytest.raises(DatabaseError, match="not loaded"):
        light.unpack()
    with pytest.raises(ValidationError, match="the labels are of arithmetic, the set is said to be of SCAN"):
        LabelSetDoc(labels=documents, label_keys=[], requested=4, level_of_theory="SCAN")


@pytest.mark.parametrize("missing", ["energy_eV", "forces_eV_per_A", "stress_eV_per_A3"])
def test_an_incomplete_label_cannot_be_packed(documents, missing):
    with pytest.raises(InputError, match="label 0 is accepted but incomplete"):
        common_fields([documents[0].model_copy(update={missing: None})])


def test_disordered_sites_and_damaged_files_are_refused(documents):
    site = {"species": [{"element": "Li", "occu": 0.5}], "abc": [0, 0, 0]}
    with pytest.raises(InputError, match="disordered site"):
        geometry_of({"sites": [site], "lattice": {"matrix": np.eye(3).tolist()}})
    document = LabelSetDoc(**common_fields(documents), requested=4)
    other = pack([documents[0].as_label()], [0])
    document.labels.arrays.data_base64 = document.labels.arrays.from_bytes(other, "").data_base64
    with pytest.raises(ValueError, match="damaged"):
        document.unpack()
    fewer = LabelSetDoc(**common_fields(documents) | {"label_keys": ["one"]}, requested=4)
    with pytest.raises(DatabaseError, match="4 labels, but 1 keys and 4 parents"):
        fewer.unpack()
