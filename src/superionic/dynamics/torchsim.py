"""Long runs side by side in torch-sim, which moves all cells in one set of tensors.

Where :func:`superionic.dynamics.run_together` leaves the motion to ASE, one cell after the other, torch-sim moves all
at once on the device of the potential, which saves time on a GPU with many small cells. Folders, frames, checkpoints
and guard are those of the other runs. torch-sim is optional (extra ``torchsim``, Python 3.12 or later).

Thermostats are torch-sim's: Langevin in the BAOAB splitting with the centre of mass fixed, Nose-Hoover chains, and CSVR
(V-rescale). It has no Berendsen. Positions and momenta are in double precision whatever that of the potential. The
random numbers of each stretch between two points of rest come from the seeds and steps of all runs in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from superionic.dynamics.batch_run import INTEGRATORS, BatchRun
from superionic.dynamics.progress import ProgressMeter
from superionic.dynamics.run_folder import RunFolder
from superionic.dynamics.segments import Segment, SegmentControl, SegmentOutcome
from superionic.dynamics.settings import MDSettings
from superionic.dynamics.together import Round, RunRequest, go_back_to_common_step
from superionic.errors import InputError, NotConfiguredError, SuperionicError

PACKAGE, TESTED = "torch-sim-atomistic", "0.6"
EQUAL = ("thermostat", "time_step_fs", "damping_fs", "rest_steps")


@dataclass(frozen=True)
class DeferredModel:
    """A torch-sim model that is made when a run needs it; those that have come to their ends do not.

    Attributes
    ----------
    make : callable
        Makes the model, see :func:`torchsim_model`.
    """

    make: Callable[[], Any]


def run_in_torchsim(
    runs: Sequence[RunRequest],
    model: Any,  # noqa: ANN401 (torch-sim model, or deferred)
    *,
    model_key: str | None = None,
    stop: Callable[[], bool] | None = None,
    control: SegmentControl | None = None,
) -> list[SegmentOutcome | Exception]:
    """Run molecular dynamics of several cells in one set of tensors.

    Killed, stopped and taken up with the same runs in the same order, it gives the same bits again on a CPU. Runs that
    have come to their ends are read where torch-sim is missing, too.

    Parameters
    ----------
    runs : sequence of RunRequest
        The runs, with equal thermostats, time steps, damping and points of rest; temperatures, seeds, lengths and cells
        may differ.
    model : torch_sim.models.interface.ModelInterface or DeferredModel
        The potential, see :func:`torchsim_model`.
    model_key, stop, control
        As for :func:`superionic.dynamics.run_together`.

    Returns
    -------
    list of SegmentOutcome or Exception
        As from :func:`superionic.dynamics.run_together`. Moves are guarded in every step, the rest at points of rest. A
        run that explodes is left as it was at the last of them.

    Raises
    ------
    InputError
        If the thermostat is Berendsen, or settings that must be equal are not.
    NotConfiguredError
        If there is something left to do and torch-sim is missing or of a version that was not tested.
    """
    check_settings([run.settings for run in runs])
    if not all(RunFolder(run.folder).holds_end(run.settings) for run in runs):
        require_torchsim()  # before there is a trace of them
    go_back_to_common_step(runs)
    shared = Round(stop or (lambda: False))
    own = replace(control or SegmentControl(), clock=shared.clock)
    places: list[Segment | Exception] = []
    with ExitStack() as held:
        for run in runs:
            home = RunFolder(run.folder)
            try:
                held.enter_context(home.alone())
                taken = home.take_up(run.atoms, None, run.settings, model_key, BatchRun)
            except SuperionicError as error:
                places.append(error)
                continue
            held.callback(taken.file.close)
            places.append(Segment(home, taken, own, ProgressMeter(run.on_progress, own.progress_s, own.clock)))
        _advance([place for place in places if isinstance(place, Segment) and not place.run.over], model, shared)
    return [place.outcome() if isinstance(place, Segment) else place for place in places]


def _advance(live: Sequence[Segment], model: Any, shared: Round) -> None:  # noqa: ANN401 (torch-sim model, or deferred)
    if not live:
        return
    require_torchsim()
    from superionic.dynamics._torchsim_batch import go_on

    go_on(live, model.make() if isinstance(model, DeferredModel) else model, shared)


def torchsim_model(network: Any, head: str | None = None, device: str = "cpu", dtype: str = "float64") -> Any:  # noqa: ANN401
    """A MACE model as torch-sim wants it, without stresses.

    Parameters
    ----------
    network : torch.nn.Module
        The model, see :func:`superionic.potentials.registry.load_network`; it is changed in place.
    head : str or None
        Head of a multi-head model; may be left out where there is no choice.
    device : str
        Torch device.
    dtype : str
        ``float32`` or ``float64``.

    Returns
    -------
    torch_sim.models.mace.MaceModel
        The potential.

    Raises
    ------
    NotConfiguredError
        If torch-sim is missing or of a version that was not tested.
    InputError
        If the head does not exist, or is not given although there is a choice.
    """
    require_torchsim()
    import torch
    from torch_sim.models.mace import MaceModel

    from superionic.potentials.mace_calculator import choose_head

    return MaceModel(
        network,
        device=torch.device(device),
        dtype=getattr(torch, dtype),
        compute_stress=False,
        head=choose_head(network, head),
    )


def require_torchsim() -> str:
    """Version of torch-sim.

    Raises
    ------
    NotConfiguredError
        If torch-sim is missing or of a version that was not tested.
    """
    try:
        found = version(PACKAGE)
    except PackageNotFoundError as error:
        raise NotConfiguredError(
            "torch-sim is not installed: pip install 'superionic[torchsim]' (Python 3.12 or later), or use "
            "run_together (transport.group_engine: lockstep), which needs no more than ASE"
        ) from error
    if not found.startswith(f"{TESTED}."):
        raise NotConfiguredError(
            f"torch-sim {found} is installed, but superionic works with {TESTED} only: pip install "
            f"'{PACKAGE}=={TESTED}.*', or use run_together (transport.group_engine: lockstep)"
        )
    return found


def check_settings(settings: Sequence[MDSettings]) -> None:
    """Refuse what torch-sim cannot do.

    Parameters
    ----------
    settings : sequence of MDSettings
        Of all runs.

    Raises
    ------
    InputError
        If the thermostat is Berendsen, or settings that must be equal are not.
    """
    for name in EQUAL:
        values = sorted({str(getattr(one, name)) for one in settings})
        if len(values) > 1:
            raise InputError(
                f"torch-sim moves all runs alike, but {name} is {', '.join(values)}: make it equal, or use run_together"
            )
    if any(one.thermostat not in INTEGRATORS for one in settings):
        raise InputError(
            f"torch-sim has no Berendsen thermostat, only {', '.join(INTEGRATORS)}: choose one of these, or use "
            "run_together, which has Berendsen"
        )
