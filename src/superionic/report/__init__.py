"""The report of a campaign: one self-contained HTML page."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superionic.report.data import CampaignData as CampaignData
    from superionic.report.data import load_campaign as load_campaign
    from superionic.report.page import write_report as write_report
    from superionic.report.records import DocumentRecord as DocumentRecord
    from superionic.report.records import FailureRecord as FailureRecord
    from superionic.report.records import JobRecord as JobRecord

__all__ = ["CampaignData", "DocumentRecord", "FailureRecord", "JobRecord", "load_campaign", "write_report"]

_MODULES = {"CampaignData": "data", "load_campaign": "data", "write_report": "page"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 (module attribute hook, PEP 562)
    if name in __all__:
        return getattr(import_module(f"superionic.report.{_MODULES.get(name, 'records')}"), name)
    msg = f"module 'superionic.report' has no attribute {name!r}"
    raise AttributeError(msg)
