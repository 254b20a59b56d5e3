"""The tables of the app's own database."""

from webapp.tables.audit_log import AuditEntry, AuditSeal
from webapp.tables.background_state import JournalFile, SystemState
from webapp.tables.data_loads import DataLoad, DataLoadRun, RefusedRule
from webapp.tables.forecasts import ArchivedForecast, GroupForecast, RegionSum, StoredForecast
from webapp.tables.models import ModelAction, ModelVersion
from webapp.tables.notices import Delivery, Notice, NoticeChoice, Webhook
from webapp.tables.people.groups import GroupRule, UserGroup, group_members
from webapp.tables.people.saved_views import Favourite, SavedView, SavedViewItem, StartView
from webapp.tables.people.scim import ScimToken, ScimUser
from webapp.tables.people.sign_in import ApiToken, FirstAdminLink, SignInLink, UserSession
from webapp.tables.people.users import Role, RoleName, User
from webapp.tables.planning.adjustments import Adjustment, CarriedLink
from webapp.tables.planning.order_up_to import OrderUpToRule
from webapp.tables.planning.overrides import Override
from webapp.tables.planning.published_plans import HandOver, PublishedPart, PublishedPlan
from webapp.tables.planning.scenarios import SavedScenario
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
from webapp.tables.requests import Answered, Attempts
from webapp.tables.retrains import OPEN_STATES, REPEATED, RUN, UNFINISHED, ItemState, Retrain, RetrainItem, RetrainState
from webapp.tables.settings import Setting
from webapp.tables.value_added import AccuracyTarget, JudgedForecasts, ScenarioVerdict, ValueAdded
from webapp.tables.watermarks import Watermark
from webapp.tables.work_list import WorkEntry, WorkRule

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
