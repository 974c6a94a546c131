import ast

import pytest

from superionic.stages import TrainingMode, TrainingSettings
from superionic.training.mace_command import TrainingRequest, mace_arguments


def arguments(**settings):
    request = TrainingRequest(TrainingSettings(**settings), 7, "cuda:1", 2, 12, 4, 9, 1)
    return request, mace_arguments(request)


def options(argv):
    return dict(item.removeprefix("--").partition("=")[::2] for item in argv)


def test_multihead_forces_the_learning_rate_and_names_files_only():
    request, argv = arguments(learning_rate=0.003, ema_decay=0.98)
    found = options(argv)
    assert found["force_mh_ft_lr"] == "True"
    assert (found["lr"], found["ema_decay"], found["device"], found["seed"]) == ("0.003", "0.98", "cuda", "7")
    assert (found["pt_train_file"], found["pt_valid_file"]) == ("replay_train.xyz", "replay_valid.xyz")
    assert found["real_pt_data_ratio_threshold"] == "0.0"
    assert not any("/" in item for item in argv)
    assert request.heads == ["pt_head", "target"]
    assert request.counts() == {"target": (12, 4), "pt_head": (9, 1)}


def test_heads_argument_is_the_literal_that_mace_parses():
    _, argv = arguments()
    heads = ast.literal_eval(options(argv)["heads"])
    assert heads == {"target": {"train_file": "train.xyz", "valid_file": "valid.xyz", "E0s": "e0s.json"}}


@pytest.mark.parametrize("mode", [TrainingMode.NAIVE, TrainingMode.SCRATCH])
def test_other_modes_switch_multihead_off(mode):
    request, argv = arguments(mode=mode)
    found = options(argv)
    assert found["multiheads_finetuning"] == "False"
    assert "pt_train_file" not in found
    assert ("foundation_model" in found) is (mode is TrainingMode.NAIVE)
    assert request.heads == ["target"]
    if mode is TrainingMode.SCRATCH:
        assert (found["r_max"], found["num_channels"], found["correlation"]) == ("5.0", "128", "3")


def test_maces_own_learning_rate_is_one_setting_away():
    found = options(arguments(learning_rate=1e-4)[1])
    assert float(found["lr"]) == 1e-4
    assert found["force_mh_ft_lr"] == "True"  # else MACE would raise the EMA decay, too
    assert found["ema_decay"] == "0.99"


def test_scratch_has_the_architecture_of_the_papers_control():
    found = options(arguments(mode=TrainingMode.SCRATCH)[1])
    names = ("num_channels", "num_interactions", "correlation", "r_max", "max_L", "max_ell")
    assert [found[name] for name in names] == ["128", "2", "3", "5.0", "1", "3"]


def test_schedules():
    assert options(arguments()[1])["scheduler"] == "ReduceLROnPlateau"
    found = options(arguments(schedule="exponential", schedule_factor=0.9)[1])
    assert (found["scheduler"], found["lr_scheduler_gamma"]) == ("ExponentialLR", "0.9")
    assert "scheduler_patience" not in found


@pytest.mark.integration
def test_mace_accepts_every_argument():
    pytest.importorskip("mace")
    from mace import tools

    for mode in TrainingMode:
        _, argv = arguments(mode=mode, max_epochs=33)
        parsed = tools.build_default_arg_parser().parse_args(argv)
        assert parsed.max_num_epochs == 33
        assert parsed.ema is True
        assert parsed.skip_evaluate_heads.split(",") == ["pt_head", "target"]
