"""Only trusted files are loaded, and every refusal says what to do."""

import json
from urllib.error import URLError

import pytest

from superionic.documents import Blob
from superionic.errors import InputError, NotConfiguredError, UntrustedModelError
from superionic.potentials import registry
from superionic.potentials.atoms import to_atoms
from superionic.potentials.registry import (
    foundation_path,
    foundation_ref,
    level_of_theory,
    load_calculator,
    trust_file,
    trusted_hashes,
    trusted_levels,
)


def test_shipped_foundation_is_trusted_and_named_as_a_surrogate(own_cache):
    reference = foundation_ref("superionic-mini")
    assert reference.sha256 in trusted_hashes()
    assert "CHGNet" in reference.level_of_theory
    assert not own_cache.exists(), "reading must not write"


def test_unknown_names_and_missing_files():
    with pytest.raises(InputError, match="superionic-mini, mace-mp-0a-medium"):
        foundation_path("no-such-model")
    with pytest.raises(InputError, match="no such file"):
        trust_file("no-such-file.model")
    assert level_of_theory("/somewhere/my.model") == "unknown (file my.model)"


def test_foreign_file_needs_trust(own_cache, scalar_model_file, halide):
    reference = foundation_ref(str(scalar_model_file))
    with pytest.raises(UntrustedModelError, match="superionic models trust"):
        load_calculator(reference)
    assert trust_file(scalar_model_file) == reference.sha256
    assert trusted_hashes()[reference.sha256] == scalar_model_file.name
    atoms = to_atoms(halide)
    atoms.calc = load_calculator(reference)
    assert atoms.get_potential_energy() == pytest.approx(atoms.calc.results["free_energy"])


def test_level_of_theory_is_remembered_with_the_trust(own_cache, tmp_path):
    first, second = tmp_path / "first.model", tmp_path / "second.model"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    trust_file(first, "mine", "SCAN (VASP)")
    trust_file(second)
    assert level_of_theory(str(first)) == foundation_ref(str(first)).level_of_theory == "SCAN (VASP)"
    trust_file(first)
    assert level_of_theory(str(first)) == "SCAN (VASP)"
    assert level_of_theory(str(second)) == "unknown (file second.model)"
    assert set(trusted_hashes().values()) == {"superionic-mini", "mine", "second.model"}
    assert list(trusted_levels().values()) == ["SCAN (VASP)"]


def test_changed_file_is_refused(own_cache, tmp_path):
    file = tmp_path / "mine.model"
    file.write_bytes(b"first")
    reference = foundation_ref(str(file))
    trust_file(file)
    file.write_bytes(b"second version")
    with pytest.raises(UntrustedModelError, match="has changed"):
        load_calculator(reference)


def test_model_from_the_database(own_cache, two_head_model_file):
    blob = Blob.from_bytes(two_head_model_file.read_bytes(), "application/x-mace-model")
    reference = foundation_ref("superionic-mini").model_copy(
        update={"name": "0123abcd", "sha256": blob.sha256, "head": "scan"}
    )
    assert load_calculator(reference, blob=blob).head == "scan"
    with pytest.raises(InputError, match="no head 'dft'"):
        load_calculator(reference.model_copy(update={"head": "dft"}), blob=blob)
    with pytest.raises(UntrustedModelError, match="should have SHA-256"):
        load_calculator(reference.model_copy(update={"sha256": "0" * 64}), blob=blob)


def test_models_are_read_once_and_calculators_are_not_shared(own_cache, scalar_model_file):
    trust_file(scalar_model_file)
    reference = foundation_ref(str(scalar_model_file))
    first, second = load_calculator(reference), load_calculator(reference)
    single = load_calculator(reference.model_copy(update={"dtype": "float32"}))
    assert first is not second
    assert first._model is second._model
    assert first._model is not single._model


def test_damaged_trust_list(own_cache):
    own_cache.mkdir()
    (own_cache / "trusted-models.json").write_text("{broken")
    with pytest.raises(UntrustedModelError, match="damaged"):
        trusted_hashes()


def test_mace_mp_offline(own_cache, monkeypatch):
    models = pytest.importorskip("mace.calculators.foundations_models")

    def offline(_name):
        raise URLError("no route to host")

    monkeypatch.setattr(models, "download_mace_mp_checkpoint", offline)
    with pytest.raises(NotConfiguredError, match=r"no route to host.*superionic-mini"):
        foundation_path("mace-mp-0a-medium")


def test_mace_mp_is_pinned_at_first_sight(own_cache, monkeypatch, tmp_path):
    models = pytest.importorskip("mace.calculators.foundations_models")
    file = tmp_path / "20231203mace128L1_epoch199model"
    file.write_bytes(b"weights")
    asked = []
    monkeypatch.setattr(models, "download_mace_mp_checkpoint", lambda name: asked.append(name) or str(file))
    reference = foundation_ref("mace-mp-0a-medium")
    assert asked == ["medium"]
    assert json.loads((own_cache / "trusted-models.json").read_text()) == {reference.sha256: "mace-mp-0a-medium"}
    assert "MACE-MP-0a" in reference.level_of_theory
    file.write_bytes(b"other weights")
    with pytest.raises(UntrustedModelError, match="not the file that was downloaded"):
        foundation_path("mace-mp-0a-medium")


def test_card_wins_over_the_file(own_cache, monkeypatch, tmp_path):
    (tmp_path / "superionic-mini.model").write_bytes(b"tampered")
    (tmp_path / "superionic-mini.json").write_text(
        json.dumps({"sha256": "f" * 64, "level_of_theory": "as on the card"})
    )
    monkeypatch.setattr(registry, "DATA", tmp_path)
    reference = foundation_ref("superionic-mini")
    assert reference.level_of_theory == "as on the card"
    with pytest.raises(UntrustedModelError, match="is not trusted"):
        load_calculator(reference)
