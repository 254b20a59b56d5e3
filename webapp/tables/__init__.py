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
from webapp.tables.groups import GroupRule, UserGroup, group_members
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
from webapp.tables.retrains import OPEN_STATES, REPEATED, RUN, UNFINISHED, ItemState, Retrain, RetrainItem, RetrainState
from webapp.tables.saved_views import Favourite, SavedView, SavedViewItem, StartView
from webapp.tables.scenarios import SavedScenario
from webapp.tables.scim import ScimToken, ScimUser
from webapp.tables.value_added import AccuracyTarget, JudgedForecasts, ScenarioVerdict, ValueAdded
from webapp.tables.work import WorkEntry, WorkRule

__all__ = [
    "OPEN_STATES",
    "REPEATED",
    "RUN",
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
    "GroupRule",
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
    "ScimToken",
    "ScimUser",
    "Selection",
    "Setting",
    "SignInLink",
    "StartView",
    "StoredForecast",
    "SystemState",
    "User",
    "UserGroup",
    "UserSession",
    "ValueAdded",
    "Watermark",
    "Webhook",
    "WorkEntry",
    "WorkRule",
    "group_members",
]
