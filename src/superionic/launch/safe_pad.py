"""FireWorks' queue, with updates that go on after an outage of the database instead of failing the job."""

from __future__ import annotations

import inspect
import logging
from typing import Any, Self

from fireworks import Firework, LaunchPad
from fireworks.core.launchpad import LockedWorkflowError
from pymongo.errors import ConnectionFailure

from superionic.database.outages import persistently
from superionic.launch.locks import OwnedLock, undo_half_written
from superionic.launch.refresh import refresh_in_place

logger = logging.getLogger(__name__)


class SafeLaunchPad(LaunchPad):  # type: ignore[misc, unused-ignore]  # FireWorks is untyped
    """The queue; an update of a workflow that an outage cuts off is begun anew under the same lock.

    Usual updates cost the same however large the workflow is, and new jobs are written at once.
    """

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Self:
        """Open the queue with the settings of a launchpad file."""
        names = inspect.signature(LaunchPad.__init__).parameters
        return cls(**{name: value for name, value in d.items() if name in names})

    def _upsert_fws(self, fws: list[Firework], reassign_all: bool = False) -> dict[int, int]:
        """Write jobs; those without an id get theirs, and are stored, together instead of one by one."""
        new = [] if reassign_all else [job for job in fws if job.fw_id < 0]
        if not new:
            return super()._upsert_fws(fws, reassign_all)  # type: ignore[no-any-return, unused-ignore]
        old = [job for job in fws if job.fw_id >= 0]
        found: dict[int, int] = super()._upsert_fws(new, reassign_all=True)
        found.update(super()._upsert_fws(old))
        return found

    def _refresh_wf(self, fw_id: int) -> None:
        """Bring a workflow up to date after one of its jobs has changed."""
        try:
            with OwnedLock(self, fw_id):
                self._refresh_locked(fw_id)
        except LockedWorkflowError:
            logger.warning("job %d: its workflow is locked; the next repair brings it up to date", fw_id)
        except ConnectionFailure:
            raise
        except Exception:  # noqa: BLE001 (FireWorks marks the job as failed and says why)
            super()._refresh_wf(fw_id)

    def _refresh_locked(self, fw_id: int) -> None:
        attempts = 0

        def refresh() -> None:
            nonlocal attempts
            attempts += 1
            if attempts == 1 and refresh_in_place(self, fw_id):
                return
            if attempts > 1:
                undo_half_written(self, self.workflows.find_one({"nodes": fw_id}))
            workflow = self.get_wf_by_fw_id_lzyfw(fw_id)
            self._update_wf(workflow, workflow.refresh(fw_id))

        persistently(refresh, f"updating the workflow of job {fw_id}")
