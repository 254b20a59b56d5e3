"""The product seen from outside: metrics and health of all its processes, dashboards and alert rules."""
