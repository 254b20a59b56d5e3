"""Demand forecasting for many region-items, as a Dagster asset graph.

Demand is read from a source (`sources/`), checked and cleaned (`forecasting/validation/`), turned into features,
and fitted to one model for each region-item, which is registered as a candidate. A gate compares the candidate with
the model in production and promotes only what is better. Sensors watch for new demand, judge candidates and ask for
retrains; the web app next door reads the same demand store and the same registry.
"""
