"""Several runs side by side that share every call of the potential.

Each run is a function of its own, written as if it had the potential for itself. It runs until it asks
for forces and then waits; when all runs have asked, one batch answers them all. Only one run is awake
at any time, so nothing in them has to be thread-safe, and the order of events is always the same. Runs
of any composition, temperature and length may be mixed; one that ends or fails makes no other wait.

What a batch says about one structure depends in the last bits on what else is in the batch, because
matrix products of other sizes are summed in another order. The same runs started together from the
same states give the same bits again; a run on its own gives the same numbers up to rounding, which
molecular dynamics amplifies like any other rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from superionic.potentials.atoms import changes
from superionic.potentials.batch import PointResult, evaluate_many

Result = TypeVar("Result")
Task = Callable[[Calculator], Result]
"""One run: gets the calculator that it is to use, and returns whatever it likes."""


class RunCancelledError(BaseException):
    """Ends a run from outside, in its call for forces.

    It is no Exception, so that a run does not take it for a failure of the potential.
    """


def in_lockstep(
    tasks: Iterable[Task[Result]],
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
    *,
    max_edges: int | None = None,
    on_round: Callable[[], None] | None = None,
) -> list[Result | Exception]:
    """Run several tasks side by side, with one batch of the potential per step.

    Parameters
    ----------
    tasks : iterable of callable
        Each gets an ASE calculator for energies, forces and stresses, and is called in a thread of its own.
    calculator : ase.calculators.calculator.Calculator
        The potential. A :class:`LightMACECalculator` computes the batch in as few calls as its memory allows; others
        are asked for one structure after the other. It is used in the calling thread only.
    max_edges : int, optional
        As for :func:`superionic.potentials.batch.evaluate_many`.
    on_round : callable, optional
        Called in the calling thread whenever no task runs: before they start, and before they get their answers.

    Returns
    -------
    list
        In the order of `tasks`: what each returned, or the exception that it raised. What the potential raises for one
        structure is raised in the task that asked, and nowhere else.

    Raises
    ------
    BaseException
        KeyboardInterrupt and the like, whether raised here or in a task. The other tasks are ended before, by
        :class:`RunCancelledError` in their call for forces, so that they close their files.
    """
    seats = [_Seat(task) for task in tasks]
    announce = on_round or _nothing
    try:
        announce()
        for seat in seats:
            seat.start()
        while asking := [seat for seat in seats if seat.asks]:
            answers = _answers(asking, calculator, max_edges)
            announce()
            for seat, answer in zip(asking, answers, strict=True):
                seat.resume(answer)
    finally:
        for seat in seats:
            seat.cancel()
    return [seat.outcome() for seat in seats]


def _nothing() -> None:
    pass


def _answers(
    asking: Sequence[_Seat[Any]],
    calculator: Any,  # noqa: ANN401 (any ASE calculator)
    max_edges: int | None,
) -> Sequence[PointResult | Exception]:
    stress = any(seat.calculator.wants_stress for seat in asking)
    structures = [seat.calculator.present for seat in asking]
    try:
        return evaluate_many(structures, calculator, stress=stress, max_edges=max_edges)
    except Exception as error:  # noqa: BLE001 (a programming error of a potential ends the runs, each with its traceback)
        return [error] * len(asking)


class _Seat(Generic[Result]):
    """One task, its thread, and the baton that goes to and fro between it and the caller."""

    def __init__(self, task: Task[Result]) -> None:
        self._task = task
        self.calculator = _SharedCalculator(self._ask)
        self.asks = False
        self._returned: list[Result] = []
        self._raised: BaseException | None = None
        self._cancelled = False
        self._answers: SimpleQueue[PointResult | Exception | None] = SimpleQueue()
        self._turns: SimpleQueue[None] = SimpleQueue()
        self._thread = Thread(target=copy_context().run, args=(self._live,), daemon=True)

    def start(self) -> None:
        """Let the task run until it asks for the first time, or ends."""
        self._thread.start()
        self._wait()

    def resume(self, answer: PointResult | Exception) -> None:
        """Let the task run until it asks again, or ends."""
        self.asks = False
        self._answers.put(answer)
        self._wait()

    def cancel(self) -> None:
        """End the task if it has not ended, wherever it is; what it raises on its way out is lost."""
        self._cancelled = True
        if self._thread.is_alive():
            self._answers.put(None)
            self._thread.join()

    def outcome(self) -> Result | Exception:
        """What the task returned or raised."""
        return self._raised if isinstance(self._raised, Exception) else self._returned[0]

    def _wait(self) -> None:
        self._turns.get()
        if self._raised is not None and not isinstance(self._raised, Exception):
            raise self._raised

    def _live(self) -> None:
        try:
            self._returned.append(self._task(self.calculator))
        except BaseException as error:  # noqa: BLE001 (handed to the caller)
            self._raised = error
        finally:
            self._turns.put(None)

    def _ask(self) -> PointResult:
        answer = None
        if not self._cancelled:
            self.asks = True
            self._turns.put(None)
            answer = self._answers.get()
        if answer is None or self._cancelled:
            raise RunCancelledError
        if isinstance(answer, Exception):
            raise answer
        return answer


class _SharedCalculator(Calculator):
    """Calculator of one task: notes what is wanted, and waits for the batch."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, ask: Callable[[], PointResult]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._ask = ask
        self.wants_stress = False

    @property
    def present(self) -> Atoms:
        """The structure that the task asks about."""
        assert isinstance(self.atoms, Atoms)
        return self.atoms

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        self.wants_stress = "stress" in properties
        point = self._ask()
        self.results = {"energy": point.energy_eV, "free_energy": point.energy_eV, "forces": point.forces_eV_per_A}
        if point.stress_eV_per_A3 is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(point.stress_eV_per_A3)

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:  # noqa: ARG002 (ASE's signature)
        """What has changed since the last calculation, exactly."""
        return changes(self.atoms, atoms)
