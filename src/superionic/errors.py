"""All errors that superionic raises on purpose.

Every message says what is wrong, where, and what to do. The command line prints the
message of a :class:`SuperionicError` without a traceback and exits with its ``exit_code``.
"""


class SuperionicError(Exception):
    """Base of all errors raised on purpose by superionic.

    Attributes
    ----------
    exit_code : int
        Exit code of the command line when this error ends a command.
    """

    exit_code: int = 1


class InputError(SuperionicError):
    """The user's input (spec, file, option, argument) cannot be used as it is."""

    exit_code = 2


class SpecError(InputError, ValueError):
    """A campaign specification is invalid; the message names file, key, value and remedy.

    It is a ValueError too, so that pydantic adds the place to one raised inside a validator.
    """


class OrderingError(InputError):
    """A disordered structure cannot be enumerated in the way that was asked for."""


class TransportInputError(InputError):
    """A trajectory or a set of diffusivities cannot be analysed."""


class NotConfiguredError(SuperionicError):
    """Something outside superionic (a program, a server, a file) is not set up."""


class DatabaseError(SuperionicError):
    """The database cannot be reached, started or trusted."""


class UntrustedModelError(SuperionicError):
    """A potential file has a hash that is not in the registry of trusted files."""


class TrainingCheckError(SuperionicError):
    """A finished training differs from what was asked for, so its model is refused."""


class InsufficientDataError(SuperionicError):
    """Too many calculations of a stage failed for the campaign to go on."""


class CalculationError(SuperionicError):
    """One relaxation, MD run or label went wrong (it diverged, exploded or returned no finite numbers)."""


class TrainingBusyError(SuperionicError):
    """Another process is running the same training in the same folder."""


class RunBusyError(SuperionicError):
    """Another process is running the same MD run in the same folder."""


class NotFiniteError(CalculationError):
    """A potential gives infinite or undefined numbers for a structure."""
