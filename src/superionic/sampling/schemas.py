"""Documents of the sampling stage."""

from pydantic import Field
from pymatgen.core import Structure

from superionic.documents import BaseDoc, Document
from superionic.potentials.schemas import Failure, PotentialRef
from superionic.provenance import TRAIN_ONLY


class ParentChoice(Document):
    """The parents chosen for sampling among the screened orderings of one composition."""

    indices: list[int] = Field(description="positions in ScreeningDoc.relaxed")
    method: str = Field(description="selection method")
    seed: int = Field(description="seed of the selection")


class FrameChoice(Document):
    """The frames chosen for labels among the candidates of all runs of one composition."""

    positions: list[list[int]] = Field(description="positions in SamplingDoc.frames, for each run")
    method: str = Field(description="selection method")
    seed: int = Field(description="seed of the selection")


class SamplingDoc(BaseDoc):
    """Strained MD frames of one parent ordering."""

    potential: PotentialRef = Field(description="the potential that drove the MD")
    parent_index: int = Field(description="position of the parent in ScreeningDoc.relaxed")
    parent_id: str = Field(description="identity of the parent ordering, for leak-free splits")
    seed: int = Field(description="seed of the MD, the choice of frames and the strain")
    temperature_K: float = Field(description="set temperature, K")
    mean_temperature_K: float = Field(description="mean kinetic temperature after the discarded start, K")
    time_ps: float = Field(description="length of the run, ps")
    frame_times_ps: list[float] = Field(description="time of each frame since its start, ps")
    exploded: list[str] = Field(
        default=[], description="what ended the starts that did not last; if none did, frames are from before"
    )
    frames: list[Structure] = Field(description="strained frames (store: data)")
    strains: list[list[list[float]]] = Field(description="applied strain tensor of each frame")
    close_pair_ratios: list[float] = Field(
        default=[],
        description="the last frames are copies of others with two mobile ions so close, in sums of covalent radii",
    )
    rejected_strains: int = Field(description="strain draws rejected because atoms came too close")
    descriptors: list[list[float]] = Field(
        default=[], description="descriptor of each frame, if frames are chosen by them (store: data)", repr=False
    )

    @property
    def n_drawn(self) -> int:
        """Frames that were drawn from the MD; those with close pairs come after them."""
        return len(self.frames) - len(self.close_pair_ratios)

    def parent_of(self, frame: int) -> str:
        """Identity of the parent of a frame; marked for frames with close pairs, which are never tested on."""
        return self.parent_id if frame < self.n_drawn else f"{self.parent_id}{TRAIN_ONLY}"


class SamplingSetDoc(BaseDoc):
    """All sampling runs of one composition; what failed is listed, not hidden."""

    runs: list[SamplingDoc] = Field(description="finished runs (frames in store: data)")
    requested: int = Field(description="number of runs asked for")
    failures: list[Failure] = Field(default=[], description="runs that did not finish")
    choice: ParentChoice | None = Field(None, description="how the parents were chosen")
    frame_choice: FrameChoice | None = Field(None, description="frames chosen for labels; None: all of them")

    def chosen_frames(self) -> list[tuple[int, int]]:
        """Number of the run and position of the frame, of all frames that are labelled."""
        chosen = self.frame_choice.positions if self.frame_choice else [range(len(run.frames)) for run in self.runs]
        return [(number, frame) for number, frames in enumerate(chosen) for frame in frames]

    def other_frames(self) -> list[tuple[int, int]]:
        """The same of all frames that were not chosen: the pool for further labels."""
        chosen = set(self.chosen_frames())
        everything = [(number, frame) for number, run in enumerate(self.runs) for frame in range(len(run.frames))]
        return [place for place in everything if place not in chosen]
