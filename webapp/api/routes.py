"""All of the API, added to the app."""

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_wtf.csrf import CSRFProtect

from webapp.api import document
from webapp.api.resources import (
    accuracy,
    dataset,
    groups,
    models,
    overrides,
    predecessors,
    published_plans,
    region_items,
    retrains,
    saved_views,
    scenarios,
    uploads,
    value_added,
    work_list,
)
from webapp.api.resources.forecasts import explanations, order_up_to, totals
from webapp.http import costly_reads
from webapp.http.problems import Problem, wrong_fields
from webapp.http.rate_limits import api_limit, limiter, token_or_address

RESOURCES = (dataset.bp, region_items.bp, totals.bp, explanations.bp, scenarios.bp, retrains.bp, models.bp,
             accuracy.bp, overrides.bp, predecessors.bp, published_plans.bp, uploads.bp, work_list.bp,
             order_up_to.bp, value_added.bp, saved_views.bp, groups.bp)
for _resource in RESOURCES:
    limiter.shared_limit(api_limit, scope="api", key_func=token_or_address)(_resource)


def new_app(name: str) -> OpenAPI:
    """A Flask app that can have the API; nothing is added yet."""
    return OpenAPI(name, info=Info(title="Demand forecasts", version="1", description=document.ABOUT), doc_ui=False,
                   security_schemes=document.SECURITY, validation_error_status=422, validation_error_model=Problem,
                   validation_error_callback=wrong_fields)


def add_to(app: OpenAPI, csrf: CSRFProtect) -> None:
    """Add the API. Only tokens open it, never a session, so that no page elsewhere can use somebody's."""
    costly_reads.add_to(app)
    for blueprint in RESOURCES:
        csrf.exempt(blueprint)
        app.register_api(blueprint)
    app.register_blueprint(document.bp)
