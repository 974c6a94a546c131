import pytest
from pydantic import ValidationError

from superionic.builders import light_document
from superionic.documents import CompositionInfo
from superionic.ordering.schemas import OrderingSetDoc
from superionic.sampling.schemas import SamplingSetDoc

REFERENCE = {"@class": "", "@module": "", "blob_uuid": "b", "store": "data"}
ORDERINGS = {
    "@class": "OrderingSetDoc",
    "@module": "superionic.ordering.schemas",
    "structures": REFERENCE,
    "records": [{"energy_eV": -1.0, "charge_pattern_id": 0, "multiplicity": 2, "supercell": [[1]]}],
    "exact": True,
    "count_distinct": 12,
    "mode": "exhaustive",
    "tie_rule": "none",
    "composition": {"axes": {"x": 1.0}, "label": "x=1", "formula": "LiCl"},
}


def test_references_come_back_empty_and_the_rest_unchanged():
    doc = light_document(OrderingSetDoc, ORDERINGS)
    assert doc.structures == []
    assert doc.records[0].multiplicity == 2
    assert doc.composition == CompositionInfo(axes={"x": 1.0}, label="x=1", formula="LiCl")


def test_references_inside_nested_documents_are_found():
    run = {
        "potential": {"name": "mini", "sha256": "a", "level_of_theory": "pbe"},
        "parent_index": 0,
        "parent_id": "p",
        "seed": 1,
        "temperature_K": 800.0,
        "mean_temperature_K": 790.0,
        "time_ps": 1.0,
        "frame_times_ps": [0.5],
        "frames": REFERENCE,
        "strains": [],
        "rejected_strains": 0,
    }
    doc = light_document(SamplingSetDoc, {"runs": [run], "requested": 1})
    assert doc.runs[0].frames == []
    assert doc.runs[0].frame_times_ps == [0.5]


def test_unknown_fields_are_reported_not_dropped():
    with pytest.raises(ValidationError, match="surprise"):
        light_document(OrderingSetDoc, ORDERINGS | {"surprise": 1})
