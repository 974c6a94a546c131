"""Campaigns as a person sees them: submit a spec, find it again, run it to the end."""

from __future__ import annotations

from typing import Any

from superionic.database.indexes import ensure_indexes, ensure_progress_indexes
from superionic.database.stores import DatabaseChoice, job_store, mongo_database
from superionic.errors import DatabaseError, InputError
from superionic.flows import CampaignMaker
from superionic.flows.stages import set_queue
from superionic.labelling.jobs import ENGINES
from superionic.launch.launchpad import launchpad
from superionic.launch.submit import CampaignRecord, find_campaign, list_campaigns, submit_flow
from superionic.spec import ElectrolyteSpec

SPECS = "specs"
"""Collection of the specs of all campaigns, by key."""


def submit_campaign(
    choice: DatabaseChoice,
    spec: ElectrolyteSpec,
    device: str = "cpu",
    *,
    runs_here: bool = True,
    again: bool = False,
) -> list[int]:
    """Put a campaign on the queue unless it is there; the FireWorks ids of its jobs.

    Parameters
    ----------
    choice : DatabaseChoice
        The database.
    spec : ElectrolyteSpec
        The campaign.
    device : str
        Torch device of its jobs.
    runs_here : bool
        Whether its labels are made on this machine, which then must have the program.
    again : bool
        Whether to put it there once more if it is there; its jobs find the results that exist.

    Raises
    ------
    SpecError
        If a grid point is not charge neutral or fits no listed supercell.
    InputError
        If the settings leave open how to label the elements.
    NotConfiguredError
        If the label engine cannot run here, before anything is computed.
    DatabaseError
        If the database does not answer or another process hangs in the same submission.
    """
    engine = ENGINES[spec.labelling.engine]("", spec.labelling, device)
    engine.require_elements({species for sublattice in spec.sublattices.values() for species in sublattice})
    if runs_here:
        engine.require()
    flow = CampaignMaker(device=device).make(spec)
    if spec.queue:
        set_queue(flow, {stage: wanted.model_dump(mode="json") for stage, wanted in spec.queue.items()})
    ensure_indexes(job_store(choice))
    ensure_progress_indexes(mongo_database(choice))
    mongo_database(choice)[SPECS].replace_one(
        {"_id": spec.key}, {"name": spec.name, "spec": spec.model_dump(mode="json")}, upsert=True
    )
    return submit_flow(flow, launchpad(choice), spec.key, spec.name, again=again)


def find_record(choice: DatabaseChoice, campaign: str | None) -> CampaignRecord:
    """The campaign of a key, the beginning of a key, or a name; the newest one if None.

    Raises
    ------
    InputError
        If there is none.
    """
    pad = launchpad(choice)
    records = list_campaigns(pad)
    if not records:
        raise InputError(f"no campaign is in {choice.describe()}: put one there with `superionic run SPEC`")
    if campaign is None:
        return records[0]
    found = find_campaign(pad, campaign)
    if found is None:
        known = ", ".join(f"{record.name} ({record.key[:8]})" for record in records)
        raise InputError(f"no campaign {campaign!r}; there are: {known}")
    return found


def load_spec(choice: DatabaseChoice, campaign: str) -> ElectrolyteSpec:
    """The spec of a campaign as it was submitted.

    Raises
    ------
    DatabaseError
        If the database does not have it.
    """
    found: dict[str, Any] | None = mongo_database(choice)[SPECS].find_one({"_id": campaign})
    if found is None:
        raise DatabaseError(f"the spec of campaign {campaign} is not in {choice.describe()}: submit it again")
    return ElectrolyteSpec.from_data(found["spec"], f"campaign {found['name']}")
