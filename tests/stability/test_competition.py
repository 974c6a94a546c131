"""Competing phases: where they come from, what is refused, and how a campaign stands against them."""

import json
from copy import deepcopy
from math import erf, sqrt
from pathlib import Path

import numpy as np
import pytest
from monty.json import MontyDecoder, jsanitize
from monty.serialization import dumpfn
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry
from pymatgen.ext.matproj import MPRestError

from superionic.documents import CompositionInfo
from superionic.errors import InputError, NotConfiguredError, SpecError
from superionic.flows import CampaignMaker
from superionic.flows.competing import competing_phases
from superionic.phase_files import phase_of_entry, stated_phases
from superionic.potentials.relax import Relaxation
from superionic.potentials.schemas import PotentialRef
from superionic.spec import ElectrolyteSpec
from superionic.stability import competing_jobs
from superionic.stability.competing import competition_spread
from superionic.stability.competing_jobs import CompetingPhasesMaker
from superionic.stability.competition import reaction_text, with_competition
from superionic.stability.coverage import TrainedEnvironments, environments
from superionic.stability.materials_project import materials_project_phases
from superionic.stability.schemas import CompetingPhase, CompetingPhasesDoc, PhaseDiagramDoc, PhaseEntry
from superionic.training.schemas import ModelDoc

QUICKSTART = Path(__file__).parents[2] / "workflows" / "quickstart.yaml"
POTENTIAL = PotentialRef(name="test", sha256="0" * 64, level_of_theory="made up")
ROCK_SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.1), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
METAL = Structure.from_spacegroup("Im-3m", Lattice.cubic(3.4), ["Li"], [[0, 0, 0]])


def entry(structure, energy_per_atom, name):
    return ComputedStructureEntry(structure, energy_per_atom * len(structure), entry_id=name)


def bare(formula, energy_per_atom):
    composition = Composition(formula)
    return ComputedEntry(composition, energy_per_atom * composition.num_atoms, entry_id="file")


# where phases come from


def test_entries_and_cifs_become_phases_without_the_energies_of_another_method(tmp_path):
    dumpfn([entry(ROCK_SALT, -3.0, "a"), bare("InCl3", -2.0)], tmp_path / "phases.json.gz")
    rock_salt, chloride = stated_phases(tmp_path / "phases.json.gz")
    assert (rock_salt.name, rock_salt.energy_eV_per_atom) == ("LiCl a", None)
    assert Structure.from_dict(json.loads(rock_salt.structure)).matches(ROCK_SALT)
    assert (chloride.formula, chloride.structure, chloride.energy_eV_per_atom) == ("InCl3", None, -2.0)
    ROCK_SALT.to(filename=str(tmp_path / "halite.cif"))
    (cif,) = stated_phases(tmp_path)
    assert cif.name == "LiCl halite"


def test_what_cannot_be_used_is_named(tmp_path):
    disordered = Structure(Lattice.cubic(4), [{"Li": 0.5, "Na": 0.5}], [[0, 0, 0]])
    with pytest.raises(InputError, match="partially occupied"):
        phase_of_entry(entry(disordered, -1.0, "x"), "file")
    with pytest.raises(InputError, match=r"holds no \.cif files"):
        stated_phases(tmp_path)
    (tmp_path / "broken.cif").write_text("data_\n")
    with pytest.raises(InputError, match=r"broken.cif: cannot be read as a CIF"):
        stated_phases(tmp_path)


class FakeClient:
    """Stands in for pymatgen's MPRester."""

    def __init__(self, entries=(), error=None):
        self.entries, self.error, self.asked = entries, error, []

    def __call__(self, key):
        assert key == "k" * 32
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def get_entries_in_chemsys(self, elements):
        self.asked.append(elements)
        if self.error:
            raise self.error
        return self.entries


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("MP_API_KEY", "k" * 32)


def test_phases_near_the_databases_own_hull_are_taken_once(tmp_path, key):
    high = ROCK_SALT.copy().scale_lattice(200.0)
    client = FakeClient([entry(ROCK_SALT, -3.0, "mp-1"), entry(high, -2.9, "mp-2"), entry(METAL, -1.9, "mp-3")])
    found = materials_project_phases(["Li", "Cl"], 0.05, client=client, cache=tmp_path)
    assert [phase.name for phase in found] == ["LiCl mp-1", "Li mp-3"]
    assert all(phase.energy_eV_per_atom is None and phase.source == "Materials Project" for phase in found)
    again = materials_project_phases(["Cl", "Li"], 0.2, client=client, cache=tmp_path)
    assert [phase.name for phase in again] == ["LiCl mp-1", "LiCl mp-2", "Li mp-3"]
    assert client.asked == [["Cl", "Li"]], "the second answer came from the disk"
    assert [file.name for file in tmp_path.iterdir()] == ["Cl-Li.json.gz"]


def test_an_unreachable_service_says_what_to_do_and_not_the_key(tmp_path, key, monkeypatch):
    client = FakeClient(error=MPRestError(f"no route to host, x-api-key {'k' * 32}"))
    with pytest.raises(NotConfiguredError, match=r"no route.*Submit once .*internet.*stability.competing.entries") as e:
        materials_project_phases(["Li", "Cl"], client=client, cache=tmp_path)
    assert "k" * 32 not in str(e.value)
    with pytest.raises(NotConfiguredError, match="has no structures of Cl-Li"):
        materials_project_phases(["Li", "Cl"], client=FakeClient(), cache=tmp_path)
    monkeypatch.delenv("MP_API_KEY")
    with pytest.raises(NotConfiguredError, match=r"export MP_API_KEY"):
        materials_project_phases(["Li", "Cl"], client=client, cache=tmp_path)


# campaign files


@pytest.fixture
def campaign(tmp_path):
    def write(entries, extra=""):
        dumpfn(entries, tmp_path / "phases.json")
        text = QUICKSTART.read_text().replace(
            "stability: {", f"stability: {{competing: {{entries: phases.json{extra}}}, "
        )
        (tmp_path / "campaign.yaml").write_text(text)
        return tmp_path / "campaign.yaml"

    return write


def test_a_campaign_relaxes_the_phases_of_its_file_with_the_tuned_model(campaign):
    foreign = Structure(Lattice.cubic(5), ["Na", "F"], [[0] * 3, [0.5] * 3])
    spec = ElectrolyteSpec.from_file(campaign([entry(ROCK_SALT, -3.0, "a"), entry(foreign, -3.0, "b")]))
    assert [phase.name for phase in competing_phases(spec)] == ["LiCl a"], "NaF cannot compete with Li-In-Y-Br-Cl"
    plain = ElectrolyteSpec.from_file(QUICKSTART)
    assert spec.key != plain.key
    jobs = {job.name: job for job, _ in CampaignMaker().make(spec).iterflow()}
    assert jobs["phase diagram"].function_args[-1] == jobs["competing phases"].output
    assert jobs["phase diagram"].maker.against_competing
    assert "competing phases" not in [job.name for job, _ in CampaignMaker().make(plain).iterflow()]
    again = ElectrolyteSpec.from_data(spec.model_dump(mode="json"))
    assert again.key == spec.key


def test_energies_without_structures_need_the_level_of_the_labels(campaign):
    with pytest.raises(SpecError, match=r"InCl3 file have an energy and no structure.*level_of_theory"):
        ElectrolyteSpec.from_file(campaign([bare("InCl3", -2.0)]))
    other = ElectrolyteSpec.from_file(campaign([bare("InCl3", -2.0)], ", level_of_theory: PBE"))
    with pytest.raises(SpecError, match="energies of 'PBE', the labels are of 'teacher: CHGNet r2SCAN'"):
        CampaignMaker().make(other)
    same = ElectrolyteSpec.from_file(campaign([bare("InCl3", -2.0)], ", level_of_theory: 'teacher: CHGNet r2SCAN'"))
    assert [phase.formula for phase in competing_phases(same)] == ["InCl3"]


def test_phases_survive_the_launchpad():
    phases = [phase_of_entry(entry(ROCK_SALT, 0, "a"), "file"), phase_of_entry(bare("InCl3", -2), "file")]
    sent = json.loads(json.dumps(jsanitize(phases, strict=True, enum_values=True)))
    assert MontyDecoder().process_decoded(sent) == phases


def test_a_block_without_phases_is_refused():
    data = deepcopy(ElectrolyteSpec.from_file(QUICKSTART).model_dump(mode="json"))
    data["stability"]["competing"] = {"max_e_above_hull_eV_per_atom": 0.1}
    with pytest.raises(SpecError, match="names no phases"):
        ElectrolyteSpec.from_data(data)


# energies by the tuned model


def test_phases_are_relaxed_and_failures_listed(monkeypatch):
    def relax_many(structures, _calculator, _settings):
        done = Relaxation(structures[0], -7.0 * len(structures[0]), 0.0, 3, converged=True)
        return [done, ValueError("exploded"), *([done] * (len(structures) - 2))]

    monkeypatch.setattr(competing_jobs, "load_calculator", lambda *_a, **_k: None)
    monkeypatch.setattr(competing_jobs, "relax_many", relax_many)
    model = ModelDoc.model_construct(key="m", potential=POTENTIAL, model_blob=None, label_level_of_theory="SCAN")
    phases = [phase_of_entry(e, "file") for e in (entry(ROCK_SALT, 0, "a"), entry(METAL, 0, "b"), bare("InCl3", -2))]
    maker = CompetingPhasesMaker(level_of_theory="SCAN", charges={"Li": 1, "Cl": -1})
    doc = maker.make.original(maker, model, phases)
    assert [(p.name, p.energy_eV_per_atom, p.relaxed, p.motifs) for p in doc.phases] == [
        ("LiCl a", -7.0, True, ["LiCl6"]),
        ("InCl3 file", -2.0, False, []),
    ]
    assert [item.item for item in doc.failures] == ["Li b"]
    other = CompetingPhasesMaker(level_of_theory="PBE")
    with pytest.raises(InputError, match="energies of PBE, but the model's labels are of SCAN"):
        other.make.original(other, model, phases)


def test_polyhedra_tell_what_the_model_was_trained_on():
    assert environments(ROCK_SALT, ["Li"], ["Cl"]) == ["LiCl6"]
    assert environments(METAL, ["Li"], ["Cl"]) == []
    trained = TrainedEnvironments(["Li", "In", "Cl", "Br"], ["InCl4Br2", "LiCl6"])
    assert trained.outside(["Li", "In", "Cl"], ["LiCl6", "InCl6"]) == []
    assert trained.outside(["In", "Br"], ["InBr4"]) == ["InBr4"]
    assert trained.outside(["Li", "Br"], ["LiBr6"]) == ["LiBr6"]
    assert trained.outside(["Li"], []) == ["no cation with anions around it"]
    assert trained.outside(["Zn", "Cl"], ["ZnCl4"]) == ["element Zn"]


# documents


def diagram(energies, error):
    places = [CompositionInfo(axes={}, label=f, formula=f) for f in energies]
    entries = [
        PhaseEntry(
            composition=place,
            source_key=place.formula,
            source_index=0,
            n_atoms=round(2 * Composition(place.formula).num_atoms),
            energy_eV=2 * Composition(place.formula).num_atoms * energies[place.formula],
            formation_energy_eV_per_atom=0.0,
            e_above_hull_eV_per_atom=0.0,
            stable=True,
            lowest=True,
        )
        for place in places
    ]
    return PhaseDiagramDoc(
        model_key="m",
        potential=POTENTIAL,
        end_members=places[:2],
        entries=entries,
        formation_energy_std_eV_per_atom=error,
    )


def rival(formula, energy, *, relaxed=True, motifs=()):
    return CompetingPhase(
        name=formula,
        formula=formula,
        source="file",
        energy_eV_per_atom=energy,
        relaxed=relaxed,
        converged=True if relaxed else None,
        motifs=list(motifs),
    )


def test_a_campaign_against_its_binaries_by_hand():
    # per atom: 0.6 LiCl at -3.0 and 0.4 InCl3 at -2.5 make -2.8; Li3InBr6 has no competitor
    doc = diagram({"Li3InCl6": -2.81, "Li3InBr6": -2.5}, 0.005)
    rivals = [rival("LiCl", -3.0, motifs=["LiCl6"]), rival("InCl3", -2.5, motifs=["InCl4"])]
    competing = CompetingPhasesDoc(model_key="m", potential=POTENTIAL, phases=rivals, structures=[None, None])
    found = with_competition(doc, competing, TrainedEnvironments(["Li", "In", "Cl", "Br"], ["LiCl6", "InCl6"]))
    chloride, bromide = (item.competition for item in found.entries)
    assert chloride.e_above_hull_eV_per_atom == 0.0
    assert chloride.decomposition_energy_eV_per_atom == pytest.approx(-0.01)
    assert chloride.reaction == "Li3InCl6 -> 3 LiCl + InCl3"
    # independent errors: sigma^2 (1 + 0.6^2 + 0.4^2)
    std = 0.005 * sqrt(1 + 0.36 + 0.16)
    assert chloride.decomposition_energy_std_eV_per_atom == pytest.approx(std, rel=0.15)
    expected = 0.5 * (1 + erf(0.01 / std / sqrt(2)))
    assert chloride.probability_stable == pytest.approx(expected, abs=0.06)
    assert chloride.untrained_products == ["InCl3"]
    assert (bromide.decomposition_energy_eV_per_atom, bromide.reaction) == (None, "")
    assert [item.outside for item in found.competing] == [[], ["InCl4"]]
    assert "trained on none of the 2 competing phases" in found.warnings[0]
    assert "1 competing phases have elements or polyhedra that its training lacks: InCl3 (InCl4)" in found.warnings[1]


def test_stated_energies_are_taken_as_certain():
    phases = [(Composition("Li3InCl6"), -28.1, 10)]
    others = [bare("LiCl", -3.0), bare("InCl3", -2.5)]
    spread = competition_spread(phases, others, [0.005, 0.0, 0.0], n_samples=400)
    assert spread.decomposition_std_eV_per_atom[0] == pytest.approx(0.005, rel=0.1)
    assert spread.probability_stable[0] == pytest.approx(0.5 * (1 + erf(2 / sqrt(2))), abs=0.03)
    assert np.isnan(competition_spread(phases, [], [0.005]).decomposition_std_eV_per_atom[0])
    with pytest.raises(InputError, match="one per phase and competitor"):
        competition_spread(phases, others, [0.005])


def test_reactions_are_balanced_in_words():
    shares = {"LiCl": 0.6, "InCl3": 0.4}
    assert reaction_text("Li3InCl6", shares) == "Li3InCl6 -> 3 LiCl + InCl3"
    assert reaction_text("Li1.5In0.5Cl3", shares) == "Li1.5In0.5Cl3 -> 1.5 LiCl + 0.5 InCl3"
    assert reaction_text("Li3InCl6", {}) == ""
