"""Checkpoints on disk, and the results file that goes with them."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from superionic.training.checkpoints import Checkpoints, DamagedCheckpointError, keep_results


def loaded(_, content):
    return {"content": content}


def test_the_last_two_are_kept(tmp_path):
    store = Checkpoints(tmp_path / "resume")
    for epoch in range(9, 13):
        store.write(epoch, 9, f"epoch {epoch}".encode())
    assert [(c.epoch, c.best_epoch) for c in store.found()] == [(12, 9), (11, 9)]
    assert store.newest(loaded) == ({"content": b"epoch 12"}, [])


@given(content=st.binary(min_size=1, max_size=200), place=st.floats(0, 1), cut=st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_damage_leads_back_to_the_checkpoint_before(tmp_path_factory, content, place, cut):
    store = Checkpoints(tmp_path_factory.mktemp("checkpoints"))
    store.write(3, 1, b"older")
    store.write(4, 4, content)
    file = store.found()[0].path
    raw = bytearray(file.read_bytes())
    position = min(int(place * len(raw)), len(raw) - 1)
    raw[position] ^= 1
    file.write_bytes(raw[:position] if cut else raw)
    state, problems = store.newest(loaded)
    assert state == {"content": b"older"}
    assert problems == ["the checkpoint of epoch 4 could not be used (its SHA-256 is wrong)"]
    assert [c.epoch for c in store.found()] == [3]  # the damaged file is set aside, not deleted
    assert file.with_name(f"{file.name}.unused").exists()


def test_checkpoint_whose_parts_are_missing_is_passed_over(tmp_path):
    store = Checkpoints(tmp_path)
    for epoch in (5, 6):
        store.write(epoch, epoch, b"state")

    def load(checkpoint, content):
        if checkpoint.best_epoch == 6:
            raise DamagedCheckpointError("weights are missing")
        return {"epoch": checkpoint.epoch}

    state, problems = store.newest(load)
    assert state == {"epoch": 5}
    assert "weights are missing" in problems[0]


def test_half_written_file_is_no_checkpoint(tmp_path):
    store = Checkpoints(tmp_path)
    store.write(0, 0, b"whole")
    (tmp_path / "epoch-1-best-1.state.4711.tmp").write_bytes(b"hal")
    assert store.newest(loaded) == ({"content": b"whole"}, [])


def rows(n_epochs):
    lines = [{"mode": "eval", "epoch": None, "head": "target", "loss": 2.0}]
    for epoch in range(n_epochs):
        lines += [{"mode": "opt", "epoch": epoch, "loss": 1.0}] * 2
        lines += [{"mode": "eval", "epoch": epoch, "head": head, "loss": 1.0} for head in ("pt_head", "target")]
    return [json.dumps(line) for line in lines]


@given(n_epochs=st.integers(1, 5), keep=st.integers(-1, 5), cut=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_results_are_cut_back_to_whole_epochs(tmp_path_factory, n_epochs, keep, cut):
    file = tmp_path_factory.mktemp("results") / "train.txt"
    text = "\n".join(rows(n_epochs)) + "\n"
    file.write_text(text[: len(text) - cut])
    keep = min(keep, n_epochs - 3)  # what a checkpoint covers is on disk as a whole
    keep_results(file, keep)
    assert file.read_text().splitlines() == (rows(keep + 1) if keep >= 0 else [])


def test_lost_epochs_are_counted(tmp_path):
    file = tmp_path / "train.txt"
    file.write_text("\n".join(rows(5)) + "\n")
    assert keep_results(file, 1) == 3
    assert keep_results(file, 1) == 0
    assert keep_results(file, -1) == 2
    assert keep_results(tmp_path / "none.txt", 4) == 0
