"""How a process that evaluates potentials uses its machine."""

from __future__ import annotations

import ctypes
import platform

from superionic.settings import load_settings

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # numbers of the options in glibc's malloc.h
KEPT_MB, LARGEST_FROM_HEAP_MB = 512, 32


def set_up_process(threads: int | None = None) -> None:
    """Set the number of torch's threads, and have freed memory kept for the next call of a model.

    A model asks for the same large blocks in every call. By default glibc hands them back to the system each time, and
    getting them anew, page by page, takes a quarter of the time of a call. Kept are at most 512 MB, of blocks of up to
    32 MB, the largest that glibc takes from its heap.

    Parameters
    ----------
    threads : int, optional
        Torch threads; from the settings (`threads_per_worker`) by default.
    """
    import torch

    torch.set_num_threads(threads or load_settings().threads_per_worker)
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, LARGEST_FROM_HEAP_MB * 2**20)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_MB * 2**20)
