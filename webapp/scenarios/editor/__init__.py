"""The editor of a scenario: its form, the selection that it offers, changes of drivers as typed."""
