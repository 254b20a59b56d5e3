"""The sets of demand that methods are judged on: public ones, made-up ones, tasks of others."""
