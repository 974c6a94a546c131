"""The document of the ordering stage in a database."""

import bson
from monty.json import MontyDecoder, jsanitize

from superionic.documents import CompositionInfo
from superionic.ordering.jobs import EnumerateMaker
from superionic.ordering.schemas import OrderingSetDoc
from superionic.stages import OrderingSettings

INFO = CompositionInfo(axes={}, label="host", formula="Li3In0.5Y0.5Br3Cl3")


def test_counts_beyond_eight_bytes_survive_the_database(mixed_halide):
    maker = EnumerateMaker(settings=OrderingSettings(max_orderings=4, per_pattern=2))
    doc = maker.make.original(maker, mixed_halide, [(1, 2, 2)], INFO)
    assert doc.count_raw > doc.count_distinct > 2**63
    assert doc.count_charge_patterns == 338_316
    assert [record.n_atoms for record in doc.records] == [80] * 4
    assert [record.charge_pattern_id for record in doc.records] == [0, 0, 1, 1]
    stored = bson.decode(bson.encode(jsanitize(doc, strict=True, enum_values=True, allow_bson=True)))
    read = MontyDecoder().process_decoded(stored)
    assert isinstance(read, OrderingSetDoc)
    assert (read.count_raw, read.count_distinct) == (doc.count_raw, doc.count_distinct)


def test_matrices_go_through_the_job(li3inbr6):
    maker = EnumerateMaker(settings=OrderingSettings(max_orderings=3))
    matrix = ((1, 1, 0), (0, 1, 0), (0, 0, 2))
    doc = maker.make.original(maker, li3inbr6, [(1, 1, 1), matrix], INFO)
    identity = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert {tuple(map(tuple, record.supercell)) for record in doc.records} <= {identity, matrix}
    assert doc.exact
    assert not doc.complete
