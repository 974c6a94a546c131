"""The exact arguments of `mace_run_train` for a training, and the files they name."""

from __future__ import annotations

from dataclasses import dataclass

from superionic.stages import LearningRateSchedule, TrainingMode, TrainingSettings

NAME = "model"
HEAD = "target"
REPLAY_HEAD = "pt_head"
FOUNDATION_FILE = "foundation.model"
TRAIN_FILE, VALID_FILE, TEST_FILE = "train.xyz", "valid.xyz", "test.xyz"
REPLAY_TRAIN_FILE, REPLAY_VALID_FILE = "replay_train.xyz", "replay_valid.xyz"
E0S_FILE = "e0s.json"
HUBER_DELTA = 0.01
VALID_BATCH = 32


@dataclass(frozen=True)
class TrainingRequest:
    """What one training is asked to do; the checks compare the result with it.

    Attributes
    ----------
    settings : TrainingSettings
        Hyper-parameters.
    seed : int
        Seed of weights, batches and shuffling.
    device : str
        Torch device.
    threads : int
        Torch threads.
    n_train, n_valid : int
        Labelled structures of the new head.
    n_replay_train, n_replay_valid : int
        Replay structures of the first head; zero unless multi-head.
    with_stress : bool
        Whether the labels of the new head hold stresses. If not, MACE counts none and gives them no weight; the replay
        head keeps those of the foundation.
    """

    settings: TrainingSettings
    seed: int
    device: str
    threads: int
    n_train: int
    n_valid: int
    n_replay_train: int = 0
    n_replay_valid: int = 0
    with_stress: bool = True

    @property
    def heads(self) -> list[str]:
        """Heads of the model to be made, in the order in which MACE stores them."""
        return [REPLAY_HEAD, HEAD] if self.settings.mode is TrainingMode.MULTIHEAD else [HEAD]

    def counts(self) -> dict[str, tuple[int, int]]:
        """Training and validation structures per head."""
        counts = {HEAD: (self.n_train, self.n_valid)}
        if self.settings.mode is TrainingMode.MULTIHEAD:
            counts[REPLAY_HEAD] = (self.n_replay_train, self.n_replay_valid)
        return counts


def mace_arguments(request: TrainingRequest) -> list[str]:
    """Arguments of `mace_run_train`, to be run in the folder that holds the files.

    Parameters
    ----------
    request : TrainingRequest
        What is asked for.

    Returns
    -------
    list of str
        One ``--option=value`` per item; no path is absolute, so the list is the same on every machine.
    """
    return _common(request) + _optimiser(request.settings) + _mode(request.settings)


def _common(request: TrainingRequest) -> list[str]:
    head = {"train_file": TRAIN_FILE, "valid_file": VALID_FILE, "E0s": E0S_FILE}
    return [
        f"--name={NAME}",
        "--work_dir=.",
        f"--seed={request.seed}",
        f"--device={request.device.split(':')[0]}",
        f"--default_dtype={request.settings.dtype}",
        "--plot=False",
        "--save_cpu",
        "--error_table=PerAtomRMSE",
        f"--heads={ {HEAD: head}!r}",
        "--energy_key=REF_energy",
        "--forces_key=REF_forces",
        "--stress_key=REF_stress",
        # the heads are evaluated afterwards, from the saved file, on one fixed test set
        f"--skip_evaluate_heads={REPLAY_HEAD},{HEAD}",
    ]


def _optimiser(settings: TrainingSettings) -> list[str]:
    weights = settings.weights
    return [
        "--loss=universal",
        "--compute_stress=True",
        f"--energy_weight={weights.energy}",
        f"--forces_weight={weights.forces}",
        f"--stress_weight={weights.stress}",
        f"--huber_delta={HUBER_DELTA}",
        f"--lr={settings.learning_rate}",
        "--ema",
        f"--ema_decay={settings.ema_decay}",
        *_schedule(settings),
        f"--batch_size={settings.batch_size}",
        f"--valid_batch_size={VALID_BATCH}",
        f"--max_num_epochs={settings.max_epochs}",
        f"--patience={settings.patience}",
    ]


def _schedule(settings: TrainingSettings) -> list[str]:
    if settings.schedule is LearningRateSchedule.EXPONENTIAL:
        return ["--scheduler=ExponentialLR", f"--lr_scheduler_gamma={settings.schedule_factor}"]
    return [
        "--scheduler=ReduceLROnPlateau",
        f"--lr_factor={settings.schedule_factor}",
        f"--scheduler_patience={settings.scheduler_patience}",
    ]


def _mode(settings: TrainingSettings) -> list[str]:
    if settings.mode is TrainingMode.SCRATCH:
        model = settings.scratch
        return [
            "--multiheads_finetuning=False",
            "--model=ScaleShiftMACE",
            f"--num_channels={model.channels}",
            f"--max_L={model.max_L}",
            f"--max_ell={model.max_ell}",
            f"--num_interactions={model.layers}",
            f"--correlation={model.correlation}",
            f"--r_max={model.r_max_A}",
        ]
    foundation = [f"--foundation_model={FOUNDATION_FILE}", "--foundation_model_elements=True"]
    if settings.mode is TrainingMode.NAIVE:
        return [*foundation, "--multiheads_finetuning=False"]
    return [
        *foundation,
        "--multiheads_finetuning=True",
        # without it MACE lowers the learning rate to 1e-4 and raises the EMA decay to 0.99999
        "--force_mh_ft_lr=True",
        f"--pt_train_file={REPLAY_TRAIN_FILE}",
        f"--pt_valid_file={REPLAY_VALID_FILE}",
        # 0: MACE never duplicates the new data to balance the replay set
        "--real_pt_data_ratio_threshold=0.0",
    ]
