"""Flows that join the stages; import Makers from here."""

from superionic.flows.active import ActiveLearningFlowMaker
from superionic.flows.campaign import CampaignMaker
from superionic.flows.dataset import DatasetFlowMaker
from superionic.flows.montecarlo import MobileSpecies, MonteCarloFlowMaker
from superionic.flows.production import ProductionFlowMaker
from superionic.flows.property_curve import PropertyCurveMaker
from superionic.flows.training import LearningCurveFlowMaker

__all__ = [
    "ActiveLearningFlowMaker",
    "CampaignMaker",
    "DatasetFlowMaker",
    "LearningCurveFlowMaker",
    "MobileSpecies",
    "MonteCarloFlowMaker",
    "ProductionFlowMaker",
    "PropertyCurveMaker",
]
