"""The model registry: versions, their facts and files. Nothing else may import MLflow.

``registry`` is what others ask; ``registered_models`` reads, ``promotions_pins_and_roll_backs`` changes what is in
production. ``session`` is the connection, ``entry`` what is told of a region-item, ``region_item_tags`` how each fact
is written down as a tag, ``versions`` makes new versions, ``version_files`` checks a version's files, and
``private_mlflow`` holds what MLflow does not offer publicly.
"""

import os

# MLflow reads it when it is imported: it tells its makers nothing, whichever command starts the process.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
