"""The version of the code that trains: raised whenever the same data and recipe would give another model."""

CODE_VERSION = "15"
