# What this project can do, one word each. `make` alone lists the targets.
.SUFFIXES:
.DEFAULT_GOAL := help

# Settings of `run` (and, where it makes sense, `train`). Override on the command line: make run WEB_PORT=8001
DATASET ?= $(CURDIR)/datasets/simulated.toml
STATE ?=
JSON ?=
HORIZON ?=
PROFILE ?= embedded
WORKERS ?=
SERVICES ?=
POSTGRES_PORT ?=
REDIS_PORT ?=
S3_PORT ?=
WEB_PORT ?= 8000
DAGSTER_PORT ?= 3000
MLFLOW_PORT ?= 5000
CODE_PORT ?= 4000
PYTEST_ARGS ?=
# Of tests: those with servers wait so much that three have two processors busy.
PROCESSES ?= 3
CASES ?= 5000
POSTGRESQL ?=
SEED ?= 1
ROUNDS ?= 200
ROUNDS_FROM ?=
ONLY ?=
RECORD ?=
SETS ?=
AFRESH ?=
PINNED ?=
TO ?=
FROM ?=
OVERWRITE ?=
FILE ?=
YES ?=

# What Python compiled is kept, whatever the machine's settings say: without, every process of the product and of the
# tests compiles thousands of modules anew, which takes longer than their import.
export PYTHONDONTWRITEBYTECODE :=

# With `make -C project …`, relative paths are still those of the caller.
CALLED_FROM := $(if $(findstring w,$(firstword -$(MAKEFLAGS))),$(PWD),$(CURDIR))
PY := .venv/bin/python

help: ## list the targets
	@echo "Usage: make TARGET [SETTING=value …]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' Makefile
	@echo "Settings: DATASET=$(DATASET) STATE=./var HORIZON=(of the dataset) PROFILE=$(PROFILE) (or stores, celery)"
	@echo "          WEB_PORT=$(WEB_PORT) DAGSTER_PORT=$(DAGSTER_PORT) MLFLOW_PORT=$(MLFLOW_PORT) CODE_PORT=$(CODE_PORT)"
	@echo "          METRICS_PORT=(none) DEMAND_LOG_FORMAT=text (or json): docs/observability.md"
	@echo "          DAGSTER_STORAGE, DAGSTER_FAILURES, DAGSTER_WORKERS=stock: public parts alone (docs/private_parts.md)"

setup: ## make the environment in .venv from the hashed lock (instant when it is up to date)
	@PYTHON="$(PYTHON)" sh deploy/setup.sh

run: setup ## start everything: MLflow, Dagster, the web app; train what is missing; Ctrl-C stops all of it
	@CALLED_FROM="$(CALLED_FROM)" DATASET="$(DATASET)" STATE="$(STATE)" HORIZON="$(HORIZON)" \
	WEB_PORT="$(WEB_PORT)" DAGSTER_PORT="$(DAGSTER_PORT)" MLFLOW_PORT="$(MLFLOW_PORT)" CODE_PORT="$(CODE_PORT)" \
	PROFILE="$(PROFILE)" WORKERS="$(WORKERS)" .venv/bin/demand-run

worker: setup ## carry out Dagster's runs, on this or another machine, for a PROFILE=celery; Ctrl-C lets runs finish
	@CALLED_FROM="$(CALLED_FROM)" DATASET="$(DATASET)" STATE="$(STATE)" HORIZON="$(HORIZON)" WORKERS="$(WORKERS)" \
	.venv/bin/demand-worker

services: setup ## start PostgreSQL, Redis and an S3 server here, to try PROFILE=stores and PROFILE=celery
	@CALLED_FROM="$(CALLED_FROM)" SERVICES="$(SERVICES)" POSTGRES_PORT="$(POSTGRES_PORT)" \
	REDIS_PORT="$(REDIS_PORT)" S3_PORT="$(S3_PORT)" $(PY) -m deploy.services

test: setup ## run all tests, those with the real servers beside the others; PYTEST_ARGS="-k name" picks some
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations 25 $(PYTEST_ARGS)

test-fast: setup ## run the tests that start no server, no browser and no other process, in about two minutes
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile --durations 25 -m "not (end_to_end or browser or servers or slow)" $(PYTEST_ARGS)

attack: setup ## send the API CASES=5000 generated requests of all roles with SEED=1, JSON to forms, slow connections beside them; no 5xx, nothing undocumented [POSTGRESQL=yes]
	@OMP_NUM_THREADS=1 $(PY) -m tests.webapp.api.attack --cases "$(CASES)" --seed "$(SEED)" $(if $(POSTGRESQL),--postgresql)

chaos: setup ## kill, stop, damage and fill the whole product for ROUNDS=200 of SEED=1; audit it [ONLY=17,23 ROUNDS_FROM=1 PROFILE=stores, celery]
	@$(PY) -m tests.chaos --seed "$(SEED)" --rounds "$(ROUNDS)" --profile "$(PROFILE)" $(if $(ROUNDS_FROM),--rounds-from "$(ROUNDS_FROM)") \
	$(if $(ONLY),--only "$(ONLY)") $(if $(RECORD),--record "$(RECORD)")

train: setup ## batch, no servers: train and promote all of DATASET=file.toml [STATE=dir] [JSON=file] [AFRESH=yes]
	@root="$$PWD" && cd "$(CALLED_FROM)" && OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
	"$$root/.venv/bin/demand-train" \
	--dataset "$(DATASET)" $(if $(HORIZON),--horizon "$(HORIZON)") $(if $(STATE),--state "$(STATE)") $(if $(JSON),--json "$(JSON)") \
	$(if $(AFRESH),--afresh)

dataset: export GIVEN_FILE = $(value FILE)
dataset: export GIVEN_TO = $(value TO)
dataset: setup ## look at FILE=sales.xlsx (file, folder, glob, zip) and write its dataset file [TO=file.toml] [YES=1] [OVERWRITE=yes]
	@root="$$PWD" && cd "$(CALLED_FROM)" && "$$root/.venv/bin/demand-dataset" \
	--file "$$GIVEN_FILE" $${GIVEN_TO:+--to "$$GIVEN_TO"} $(if $(YES),--yes) $(if $(OVERWRITE),--overwrite)

check: setup ## what would be refused of DATASET=file.toml, in seconds, without training
	@root="$$PWD" && cd "$(CALLED_FROM)" && "$$root/.venv/bin/demand-check" \
	--dataset "$(DATASET)" $(if $(HORIZON),--horizon "$(HORIZON)")

mcp: ## serve agents on stdin and stdout with the rights of DEMAND_API_TOKEN [DEMAND_URL=http://127.0.0.1:8000]: docs/agents.md
	@PYTHON="$(PYTHON)" sh deploy/setup.sh >&2
	@exec .venv/bin/demand-mcp

backup: setup ## put all that the product keeps into one file, also while it runs [TO=folder or file.tar, ./backups unless given]
	@CALLED_FROM="$(CALLED_FROM)" DATASET="$(DATASET)" STATE="$(STATE)" HORIZON="$(HORIZON)" PROFILE="$(PROFILE)" \
	TO="$(TO)" $(PY) -m deploy.backup.take

restore: setup ## put the backup FROM=file.tar back into STATE, or refuse without changing anything [OVERWRITE=yes]
	@CALLED_FROM="$(CALLED_FROM)" DATASET="$(DATASET)" STATE="$(STATE)" HORIZON="$(HORIZON)" PROFILE="$(PROFILE)" \
	FROM="$(FROM)" OVERWRITE="$(OVERWRITE)" $(PY) -m deploy.backup.restore

accuracy: setup ## compare accuracy with peers on real data; quick unless SETS=a,b names the sets [JSON=file]
	@sh deploy/separate_environment.sh benchmarks
	@root="$$PWD" && cd "$(CALLED_FROM)" && OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH="$$root" \
	"$$root/.venv-benchmarks/bin/python" -m benchmarks.accuracy $(if $(SETS),--sets "$(SETS)",--quick) \
	$(if $(JSON),--json "$(JSON)")

translations: setup ## bring the catalogues of languages to what code, templates and scripts say: docs/languages.md
	@$(PY) -m webapp.language.extraction

lint: setup ## check style, types, import rules, templates and what is risky
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@if [ -d webapp/templates ]; then .venv/bin/djlint --quiet --lint webapp/templates; fi
	@$(PY) -m bandit --quiet --configfile pyproject.toml --recursive webapp demand_assets deploy

audit: setup ## ask what is known against the locked packages (needs the network; says so where it cannot)
	@$(PY) -m deploy.checks.audit_dependencies

lint-deploy: setup ## check the Dockerfile, the Compose file, the chart and the Kubernetes manifests; PINNED=yes: images by digest
	@sh deploy/separate_environment.sh deploy
	@sh deploy/separate_environment.sh helm
	@.venv-deploy/bin/python -m deploy.checks.lint_deploy $(if $(PINNED),--pinned)

manifests: setup ## write the plain Kubernetes manifests anew from the Helm chart
	@sh deploy/separate_environment.sh helm
	@$(PY) -m deploy.checks.helm

try-chart: setup ## run what the Helm chart makes as processes, and ask its probes (root on Linux); SET=name=value
	@sh deploy/separate_environment.sh helm
	@$(PY) -m deploy.checks.try_chart $(SET)

check-image: setup ## build the images without Docker, run the product from them, see a forecast (root on Debian)
	@$(PY) -m deploy.checks.check_image

docs: setup ## make the documentation a site in build/docs that needs no server and no network, with search
	@sh deploy/separate_environment.sh docs
	@$(PY) -m deploy.documentation.write_reference
	@.venv-docs/bin/python -m deploy.documentation.build_site

screenshot: setup ## take the pictures of the documents from the real pages (needs Chromium)
	@$(PY) docs/take_screenshot.py

clean: ## remove caches and the environment; the state in ./var stays
	@rm -rf .venv .venv-benchmarks .venv-deploy .venv-docs build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results
	@rm -rf webapp/node_modules webapp/static/vendor
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: dataset check mcp help setup run worker services test test-fast attack chaos train backup restore accuracy lint audit lint-deploy manifests try-chart check-image docs screenshot clean translations
