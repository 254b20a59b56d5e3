"""The tables of the app's own database."""

from webapp.tables.background_state import JournalFile, SystemState, Watermark
from webapp.tables.data_loads import DataLoad, DataLoadRun, RefusedRule
from webapp.tables.forecasts import (
    Adjustment,
    ArchivedForecast,
    CarriedLink,
    GroupForecast,
    Override,
    RegionSum,
    StoredForecast,
)
from webapp.tables.models import ModelAction, ModelVersion
from webapp.tables.notices import Delivery, Notice, NoticeChoice, Webhook
from webapp.tables.order_up_to import OrderUpToRule
from webapp.tables.people import (
    Answered,
    ApiToken,
    Attempts,
    AuditEntry,
    AuditSeal,
    FirstAdminLink,
    Role,
    RoleName,
    Setting,
    SignInLink,
    User,
    UserSession,
)
from webapp.tables.published_plans import HandOver, PublishedPart, PublishedPlan
from webapp.tables.region_items import (
    AttributeValue,
    Catalogue,
    EarlierMove,
    ForecastFigures,
    LiveAccuracy,
    PooledRow,
    Production,
    RegionItemRow,
    RowStatus,
    Selection,
)
from webapp.tables.retrains import OPEN_STATES, UNFINISHED, ItemState, Retrain, RetrainItem, RetrainState
from webapp.tables.saved_views import Favourite, SavedView, SavedViewItem, StartView
from webapp.tables.scenarios import SavedScenario
from webapp.tables.value_added import AccuracyTarget, JudgedForecasts, ScenarioVerdict, ValueAdded
from webapp.tables.work import WorkEntry, WorkRule

__all__ = [
    "OPEN_STATES",
    "UNFINISHED",
    "AccuracyTarget",
    "Adjustment",
    "Answered",
    "ApiToken",
    "ArchivedForecast",
    "Attempts",
    "AttributeValue",
    "AuditEntry",
    "AuditSeal",
    "CarriedLink",
    "Catalogue",
    "DataLoad",
    "DataLoadRun",
    "Delivery",
    "EarlierMove",
    "Favourite",
    "FirstAdminLink",
    "ForecastFigures",
    "GroupForecast",
    "HandOver",
    "ItemState",
    "JournalFile",
    "JudgedForecasts",
    "LiveAccuracy",
    "ModelAction",
    "ModelVersion",
    "Notice",
    "NoticeChoice",
    "OrderUpToRule",
    "Override",
    "PooledRow",
    "Production",
    "PublishedPart",
    "PublishedPlan",
    "RefusedRule",
    "RegionItemRow",
    "RegionSum",
    "Retrain",
    "RetrainItem",
    "RetrainState",
    "Role",
    "RoleName",
    "RowStatus",
    "SavedScenario",
    "SavedView",
    "SavedViewItem",
    "ScenarioVerdict",
    "Selection",
    "Setting",
    "SignInLink",
    "StartView",
    "StoredForecast",
    "SystemState",
    "User",
    "UserSession",
    "ValueAdded",
    "Watermark",
    "Webhook",
    "WorkEntry",
    "WorkRule",
]
