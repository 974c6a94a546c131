"""A model file is looked into without running anything in it."""

import pickle
import zipfile

import pytest

from superionic.errors import InputError
from superionic.potentials.model_file import OLD_TORCH_START, inspect_model_file
from superionic.potentials.registry import DATA


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def packed(tmp_path):
    """Function that writes an object as torch writes its files."""

    def write(content, name="data.pkl", more=()):
        path = tmp_path / "some.model"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"some/{name}", pickle.dumps(content, protocol=2))
            for other in more:
                archive.writestr(f"some/{other}", b"")
        return path

    return write


def test_shipped_model_is_read_as_torch_reads_it():
    info = inspect_model_file(DATA / "superionic-mini.model")
    assert info.class_name == "ScaleShiftMACE"
    assert {3, 17, 35, 39, 49} <= set(info.atomic_numbers)
    assert info.r_max_A == 5.0
    assert info.foreign_names == ()
    assert len(info.heads) == 1


def test_heads_and_double_precision(two_head_model_file):
    info = inspect_model_file(two_head_model_file)
    assert (info.heads, info.atomic_numbers, info.r_max_A) == (("pt_head", "scan"), (3, 17, 35, 49), 4.5)


@pytest.mark.parametrize(
    ("content", "name", "more", "words"),
    [
        ({"model": 1, "optimizer": 2}, "data.pkl", (), "dictionary with model, optimizer, perhaps a checkpoint"),
        ([1], "data.pkl", (), "holds a list"),
        (1, "other", (), "without a model"),
        (1, "data.pkl", ("constants.pkl",), "compiled TorchScript"),
    ],
)
def test_other_archives_are_told_apart(packed, content, name, more, words):
    with pytest.raises(InputError, match=words):
        inspect_model_file(packed(content, name, more))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"3\nnothing", "no torch file"), (OLD_TORCH_START + b"..", "torch before 1.6"), (b"", "no torch file")],
)
def test_other_files_are_told_apart(tmp_path, content, words):
    (tmp_path / "x.model").write_bytes(content)
    with pytest.raises(InputError, match=words):
        inspect_model_file(tmp_path / "x.model")


def test_a_bomb_does_not_go_off(packed, tmp_path):
    with pytest.raises(InputError, match=r"holds a (io|_io|builtins)\.open"):
        inspect_model_file(packed(Bomb(tmp_path / "boom")))
    assert not (tmp_path / "boom").exists()
    with pytest.raises(InputError, match="dictionary"):
        inspect_model_file(packed({"a": Bomb(tmp_path / "boom")}))
    assert not (tmp_path / "boom").exists()


def test_a_checkpoint_is_told_from_a_model(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"model": torch.nn.Linear(2, 2).state_dict()}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="dictionary with model, perhaps a checkpoint"):
        inspect_model_file(tmp_path / "x.pt")


@pytest.mark.parametrize("cut", [10, 200, 4000])
def test_damaged_files_are_refused(tmp_path, cut):
    content = bytearray((DATA / "superionic-mini.model").read_bytes())
    content[64 : 64 + cut] = bytes(cut)
    (tmp_path / "x.model").write_bytes(content)
    with pytest.raises(InputError, match="no MACE model"):
        inspect_model_file(tmp_path / "x.model")
