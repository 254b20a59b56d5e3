"""How Dagster's runs are carried out: processes of this machine, or workers; lost ones are found and gone on with."""
