"""The command line of the stand-in."""

from superionic.labelling.fake_vasp.faults import Fault
from superionic.labelling.fake_vasp.inputs import read_poscar
from superionic.labelling.fake_vasp.main import run


def test_potcars_are_written_or_refused(tmp_path, capsys):
    assert run(["--write-potcars", str(tmp_path), "Li_sv", "Cl"]) == 0
    assert f"PMG_VASP_PSP_DIR={tmp_path}" in capsys.readouterr().out
    assert len(list(tmp_path.rglob("POTCAR.*"))) == 4
    assert run(["--write-potcars", str(tmp_path), "Xx"]) == 2
    assert "'Xx'" in capsys.readouterr().err


def test_hash_and_faults_are_printed(folder, capsys):
    assert run(["--hash", str(folder / "POSCAR")]) == 0
    assert capsys.readouterr().out.strip() == read_poscar((folder / "POSCAR").read_text()).content_hash
    assert run(["--faults"]) == 0
    assert capsys.readouterr().out.split() == list(Fault)


def test_help_says_that_it_is_not_vasp(capsys):
    assert run(["--help"]) == 0
    assert "NOT VASP" in capsys.readouterr().out
    assert run(["--frobnicate"]) == 2


def test_run_in_the_current_folder(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run([]) == 0
    assert (folder / "vasprun.xml").exists()
    monkeypatch.setenv("SUPERIONIC_FAKE_VASP_FAULTS", "edav")
    assert run([]) == 1
    assert "ERROR: 'edav' is no fault" in capsys.readouterr().out
