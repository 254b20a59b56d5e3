"""How a run carries region-items from demand to the gate's decision. Knows no Dagster."""
