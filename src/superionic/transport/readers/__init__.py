"""Trajectories of any common file format, read frame by frame into a memory-mapped array."""

from superionic.transport.readers.formats import TrajectoryFormat, detect_format
from superionic.transport.readers.load import LoadedTrajectory, load_trajectory
from superionic.transport.readers.spool import VariableCell

__all__ = ["LoadedTrajectory", "TrajectoryFormat", "VariableCell", "detect_format", "load_trajectory"]
