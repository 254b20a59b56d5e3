"""The state of the data: rejected rows, loads, freshness, drift, uploads."""
