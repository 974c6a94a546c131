"""Where each number comes from: document, parents, settings, versions, cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from superionic.builders.models import find_errors
from superionic.report.data import CampaignData
from superionic.report.markup import Content, Html, details, formula, join, table, tag
from superionic.report.numbers import duration, rmse
from superionic.report.records import DocumentRecord, ancestors
from superionic.report.summary import NOTHING, energy_text, reference_text, sigma_text, stability_cells, summarise
from superionic.report.tables import flatten
from superionic.spec import ElectrolyteSpec

SHORT_KEY = 10
MAX_LISTED = 800
BLOCKS = ("orderings", "screening", "sampling", "labelling", "training", "active", "stability", "transport")
BLOCK_OF_STAGE = {"ordering": "orderings"}
# what a newcomer would call the documents
KIND_WORDS = {
    "OrderingSetDoc": "ordering sets",
    "ScreeningDoc": "screenings",
    "SamplingDoc": "sampling runs",
    "SamplingSetDoc": "sampling sets",
    "LabelDoc": "labels",
    "LabelSetDoc": "label sets",
    "DatasetDoc": "data set",
    "ModelDoc": "model",
    "ActiveRoundDoc": "rounds of labels",
    "ActiveLearningDoc": "rounds of labels together",
    "GroundStateDoc": "ground states",
    "CompetingPhasesDoc": "competing phases",
    "MDGroupDoc": "MD groups",
    "TrajectoryDoc": "trajectories",
    "DiffusionDoc": "diffusivities",
    "unknown": "not in this campaign's records",
}


@dataclass(frozen=True)
class Quantity:
    """One number of the report and the document that holds it."""

    name: Content
    value: Content
    key: str


def quantities(data: CampaignData) -> list[Quantity]:
    """The numbers of the summary and of the model, with their documents."""
    return [*_stability(data), *_transport(data), *_model(data)]


def _stability(data: CampaignData) -> Iterable[Quantity]:
    diagram = data.phase_diagram
    if diagram is None:
        return
    for item in summarise(data):
        if item.entry is None:
            continue
        formation, _, above, _ = stability_cells(item.entry, diagram.formation_energy_std_eV_per_atom)
        name = formula(item.formula)
        yield Quantity(join(["Formation energy of ", name, " (meV/atom)"]), formation, diagram.key)
        yield Quantity(join(["Energy above hull of ", name, " (meV/atom)"]), above, diagram.key)


def _transport(data: CampaignData) -> Iterable[Quantity]:
    for item in summarise(data):
        if (doc := item.conductivity) is None:
            continue
        name = formula(item.formula)
        for point in doc.points:
            what = join([f"σ({point.temperature_K:g} K) of ", name, " (S/cm)"])
            source = point.diffusion_keys[0] if len(point.diffusion_keys) == 1 else doc.key
            yield Quantity(what, sigma_text(point), source)
        what = join([Html("E<sub>a</sub> of "), name, " (eV)"])
        yield Quantity(what, energy_text(doc), doc.key)
        what = join([f"σ({doc.reference_temperature_K:g} K) of ", name, " (S/cm)"])
        yield Quantity(what, reference_text(doc), doc.key)


def _model(data: CampaignData) -> Iterable[Quantity]:
    row = find_errors(data.model.errors, "tuned") if data.model else None
    if data.model is not None and row is not None:
        energy, force = (
            rmse(row.energy_rmse_meV_per_atom, row.n_structures),
            rmse(row.force_rmse_meV_per_A, row.n_structures),
        )
        yield Quantity("Test RMSE of the energy (meV/atom)", energy, data.model.key)
        yield Quantity("Test RMSE of the forces (meV/Å)", force, data.model.key)


def provenance_table(data: CampaignData) -> Html:
    """Each number with its document, direct parents, and everything that it rests on."""
    versions = software_sets(data.documents)
    rows = [_row(item, data, versions) for item in quantities(data)]
    header = ["Number", "value", "document", "made from", "rests on", "settings", "versions", "wall time"]
    return table(header, rows, numeric=[7])


def _row(item: Quantity, data: CampaignData, versions: Mapping[str, str]) -> list[Content]:
    documents = data.documents
    record = documents.get(item.key)
    if record is None:
        missing = tag("small", "document not found in the store")
        return [item.name, item.value, key_link(item.key, documents), missing, *[NOTHING] * 4]
    parents = join([key_link(key, documents) for key in record.parents], " ")
    counts = sorted(ancestors(documents, item.key).items())
    rests = ", ".join(f"{count} {KIND_WORDS.get(kind, kind)}" for kind, count in counts)
    block = BLOCK_OF_STAGE.get(record.stage, record.stage)
    settings = tag("a", block, href=f"#settings-{block}") if data.spec else NOTHING
    cost = NOTHING if record.wall_s is None else duration(record.wall_s)
    document = key_link(item.key, documents)
    return [item.name, item.value, document, parents, rests, settings, versions[item.key], cost]


def key_link(key: str, documents: Mapping[str, DocumentRecord]) -> Html:
    """A shortened key; a link where the document is listed in the report."""
    short = tag("code", key[:SHORT_KEY])
    if key not in documents:
        return tag("span", short, title=key)
    return tag("a", short, href=f"#doc-{key}", title=f"{documents[key].kind} {key}")


def software_sets(documents: Mapping[str, DocumentRecord]) -> dict[str, str]:
    """Short name (V1, V2, ...) of the set of software versions of each document."""
    names: dict[tuple[tuple[str, str], ...], str] = {}
    return {key: names.setdefault(record.software, f"V{len(names) + 1}") for key, record in documents.items()}


def versions_table(documents: Mapping[str, DocumentRecord]) -> Html:
    """The sets of software versions."""
    names = software_sets(documents)
    sets = {names[key]: record.software for key, record in documents.items()}
    counts = {name: list(names.values()).count(name) for name in sets}
    rows = [
        [name, str(counts[name]), ", ".join(f"{package} {number}" for package, number in software) or "not recorded"]
        for name, software in sets.items()
    ]
    return table(["Set", "documents", "versions"], rows, numeric=[1])


def documents_table(documents: Mapping[str, DocumentRecord]) -> Html:
    """All documents; labels are left out where there are too many to list."""
    listed = list(documents.values())
    note = None
    if len(listed) > MAX_LISTED:
        listed = [record for record in listed if record.kind != "LabelDoc"][:MAX_LISTED]
        left = len(documents) - len(listed)
        note = tag("p", f"{left} documents, labels first, are not listed here; query the database for them.")
    versions = software_sets(documents)
    rows = [_document_row(record, documents, versions[record.key]) for record in listed]
    header = ["Key", "kind", "job", "composition", "made from", "versions", "wall time", "CPU time", "remarks"]
    return join([table(header, rows, numeric=[6, 7]), note])


def _document_row(record: DocumentRecord, documents: Mapping[str, DocumentRecord], versions: str) -> list[Content]:
    shown = [key_link(key, documents) for key in record.parents[:8]]
    more = f" and {len(record.parents) - len(shown)} more" if len(record.parents) > len(shown) else ""
    remarks = [*(["reused"] if record.reused else []), *record.warnings]
    return [
        tag("code", record.key, id=f"doc-{record.key}"),
        record.kind,
        record.name,
        record.composition,
        join([*shown, more], " "),
        versions,
        NOTHING if record.wall_s is None else duration(record.wall_s),
        NOTHING if record.cpu_s is None else duration(record.cpu_s),
        tag("small", "; ".join(remarks)),
    ]


def settings_tables(spec: ElectrolyteSpec) -> Html:
    """Settings of every stage; those that differ from the defaults are marked."""
    general: Sequence[tuple[str, str]] = (
        ("mobile species", spec.mobile),
        ("foundation", spec.foundation),
        ("seed", str(spec.seed)),
        ("grid points", "; ".join(point.label for point in spec.points)),
    )
    parts = [table(["Campaign", ""], general)]
    for block in BLOCKS:
        settings = getattr(spec, block)
        values = flatten(settings.model_dump(mode="json"))
        usual = flatten(type(settings)().model_dump(mode="json"))
        rows = [
            [
                tag("code", f"{block}.{name}"),
                str(value),
                "" if usual.get(name) == value else f"default {usual.get(name)}",
            ]
            for name, value in values.items()
        ]
        anchor = tag("span", f"{block} settings", id=f"settings-{block}")
        parts.append(details(anchor, table(["Setting", "value", "differs from"], rows)))
    return join(parts)
