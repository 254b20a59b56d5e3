"""The app for a WSGI server: ``gunicorn webapp.wsgi:app``."""

from demand_assets.forecasting.model.serving.own_model import import_boosters
from webapp import create_app

import_boosters()
app = create_app()
