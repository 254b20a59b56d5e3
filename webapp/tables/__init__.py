"""The tables of the app's own database."""

from webapp.tables.bookkeeping import JournalFile, SystemState, Watermark
from webapp.tables.forecasts import Adjustment, ArchivedForecast, GroupOutlook, Outlook, Override
from webapp.tables.loads import DemandLoad, LoadRun, RefusedRule
from webapp.tables.models import ModelAct, ModelVersion
from webapp.tables.people import Answered, ApiToken, AuditEntry, Role, RoleName, Setting, SignInLink, User
from webapp.tables.region_items import (
    DRIFT_TOLD,
    Catalogue,
    LiveAccuracy,
    PooledRow,
    Production,
    RegionItemRow,
    RowStatus,
    Selection,
    StoredForecast,
)
from webapp.tables.retrains import OPEN_STATES, UNFINISHED, ItemState, Retrain, RetrainItem, RetrainState
from webapp.tables.scenarios import SavedScenario

__all__ = [
    "DRIFT_TOLD",
    "OPEN_STATES",
    "UNFINISHED",
    "Adjustment",
    "Answered",
    "ApiToken",
    "ArchivedForecast",
    "AuditEntry",
    "Catalogue",
    "DemandLoad",
    "GroupOutlook",
    "ItemState",
    "JournalFile",
    "LiveAccuracy",
    "LoadRun",
    "ModelAct",
    "ModelVersion",
    "Outlook",
    "Override",
    "PooledRow",
    "Production",
    "RefusedRule",
    "RegionItemRow",
    "Retrain",
    "RetrainItem",
    "RetrainState",
    "Role",
    "RoleName",
    "RowStatus",
    "SavedScenario",
    "Selection",
    "Setting",
    "SignInLink",
    "StoredForecast",
    "SystemState",
    "User",
    "Watermark",
]
