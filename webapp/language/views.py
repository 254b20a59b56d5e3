"""The words of scripts, as a script of its own: the same for all who read that language, and kept by browsers."""

import json
from functools import lru_cache

from flask import Blueprint, Flask, Response, abort

from webapp.language.translations import LANGUAGES, of_scripts

bp = Blueprint("language", __name__)


@bp.get("/language/<tag>.js")
def words(tag: str) -> Response:
    """What scripts say in that language."""
    if tag not in LANGUAGES:
        abort(404)
    return Response(_script(tag), mimetype="text/javascript")


@lru_cache(maxsize=8)
def _script(tag: str) -> str:
    return f"window.catalogue = {json.dumps(of_scripts(tag), ensure_ascii=False, sort_keys=True)};\n"


def add_to(app: Flask) -> None:
    """Serve the catalogues of scripts."""
    app.register_blueprint(bp)
