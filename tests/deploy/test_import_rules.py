"""The linter's lists of forbidden modules name every module there is."""

import tomllib

from deploy.settings import PROJECT


def test_each_module_of_the_pipeline_is_forbidden_to_the_web_app_and_to_forecasting():
    rules = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    present = {f"demand_assets.{path.stem}" for path in (PROJECT / "demand_assets").iterdir()
               if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"}

    for source in ("webapp", "demand_assets.forecasting"):
        forbidden = {module for rule in rules if rule["source_modules"] == [source]
                     for module in rule["forbidden_modules"] if module.startswith("demand_assets.")}
        assert forbidden == present - {"demand_assets.forecasting"}
