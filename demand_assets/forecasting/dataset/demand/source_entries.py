"""Where demand comes from: the entries ``[source]`` of the dataset file, and of tables beside the demand."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from demand_assets.forecasting.dataset.attributes import Axis
from demand_assets.forecasting.dataset.demand.column_entries import Columns, IsoDate
from demand_assets.forecasting.dataset.strict_entry import Name, StrictEntry


class SimulatedSource(StrictEntry):
    """Demand with known truth, made on the fly."""

    kind: Literal["simulated"]
    regions: int = Field(default=4, ge=1, le=10_000)
    items: int = Field(default=12, ge=1, le=100_000)
    years: float = Field(default=3, gt=0, le=20)
    seed: int = 0
    today: IsoDate | None = None
    """Demand ends the day before; the real today unless given."""
    seconds_per_day: float | None = Field(default=None, gt=0)
    """Let a simulated day pass in so many seconds from the first start on, to watch the loop; else in a real day."""
    stock_outs: float = Field(default=0.0, ge=0, lt=0.9)
    """The share of periods that end out of stock because more was wanted than was there; beside those few in which the
    world has none of an item, whatever is wanted."""
    confounded: bool = False
    """Promos come with price cuts and prices rise with demand, so that effects cannot be told apart naively."""


class FileSource(StrictEntry):
    """Tables in files: a path, a folder, a glob, a zip, or a URL of an object store: ``s3://bucket/demand/*.parquet``."""

    kind: Literal["file"]
    path: str
    format: Literal["auto", "csv", "parquet", "excel", "arrow", "json"] = "auto"
    options: dict[str, str | int | float | bool] = Field(default={})
    """Passed to fsspec (endpoint, credentials …)."""
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """Between the columns of a CSV file; found in its header unless given."""
    decimal: Literal[".", ","] | None = None
    """The decimal mark of numbers that are text; settled by each column as a whole unless given."""
    thousands: Literal[".", ",", " ", "'"] | None = None
    """What groups the thousands of numbers that are text; a space stands for every kind of space. Spaces and
    apostrophes between groups of three digits are read without it."""
    encoding: str = "utf-8"
    """Of a CSV file; UTF-16 and UTF-32 are found by their byte order marks."""
    skip_lines: int = Field(default=0, ge=0)
    """Lines above the header of a CSV file, rows above it on a sheet; unless given, the header is the first line that
    holds the wanted names."""
    header_rows: int = Field(default=1, ge=1, le=3)
    """Rows of the header of a CSV file or a sheet; what stands in them one below the other is put together, and an
    upper one stands for the columns to its right too, as above merged cells: ``2024`` over ``Jan``, ``Feb`` …"""
    sheet: str | None = None
    """Of an Excel workbook; ``*`` reads all sheets. Needed where more than one has the wanted columns."""
    layout: Literal["auto", "long", "wide", "items", "regions", "periods", "years"] = "auto"
    """A row a period (long), or what the columns are that hold demand: dates (wide), items, regions, the months,
    quarters or weeks of a row's year (periods), or the years of a row's month, quarter or week. Found for dates only
    unless given."""
    fiscal_year: Literal["begins", "ends"] | None = None
    """Which calendar year the number of a year names whose columns do not begin with January."""
    name_column: str | None = Field(default=None, min_length=1)
    """A column that the name of each file gives, without its ending; with ``sheet = "*"``, that of each sheet."""
    fill_down: list[str] = Field(default=[])
    """Columns of CSV files and sheets in which an empty value stands for the one above, as below merged cells."""
    most_unpacked_gb: float | None = Field(default=None, gt=0, le=1000)
    """What one file may hold once unpacked; unless given, 8 GB and at most 250 times its size."""
    uploads: str | None = Field(default=None, min_length=1)
    """A folder on this machine in which the web app keeps what programs upload, read beside ``path``; uploads are
    refused unless it is given. A relative one is taken from the dataset file's folder."""

    @model_validator(mode="after")
    def _marks_differ(self) -> "FileSource":
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}; only one of them can be")
        return self

    def check_columns(self, columns: Columns, frequency: str) -> None:
        """Check that the columns leave room for what the layout says.

        Raises: ValueError: one of them says what the layout says already, or the layout is not of that frequency.
        """
        if self.layout in ("items", "regions"):
            ours = self.layout.removesuffix("s")
            if getattr(columns, ours) is None or ours in columns.expressions:
                raise ValueError(f"source.layout = {self.layout!r} says that the names of columns are {self.layout}; "
                                 f"leave columns.{ours} out")
        if self.layout in ("periods", "years"):
            of_row, each = ("year", "2024") if self.layout == "periods" else ("month, quarter or week", "Jan or 1")
            if frequency == "D":
                raise ValueError(f"source.layout = {self.layout!r} is of months, quarters or weeks; set frequency to "
                                 "'M', 'Q' or 'W'")
            given = [f"columns.{name}" for name in ("date_format", "date_start", "time_zone") if getattr(columns, name)]
            given += ["columns.expressions.date"] if "date" in columns.expressions else []
            if given:
                raise ValueError(f"source.layout = {self.layout!r} takes columns.date for the column of the {of_row}, "
                                 f"as in {each}; leave {given[0]} out")

    @field_validator("uploads")
    @classmethod
    def _is_folder(cls, value: str | None) -> str | None:
        if value is not None and "://" in value:
            raise ValueError(f"uploads are kept in a folder of this machine, not at {value!r}")
        return value


class SqlSource(StrictEntry):
    """A database by URL, with a table or a query."""

    kind: Literal["sql"]
    url: str
    table: str | None = None
    query: str | None = None
    decimal: Literal[".", ","] | None = None
    """The mark before the decimals of numbers that are text; the other one may group thousands. Unless given, text of
    which it is not certain is refused."""

    @model_validator(mode="after")
    def _check(self) -> "SqlSource":
        if (self.table is None) == (self.query is None):
            raise ValueError("give either a table or a query")
        return self


OUR_SOURCES = ("simulated", "file", "sql")


class PluggedSource(StrictEntry):
    """A source that a package plugs in, with entries of its own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Name
    """The name of its entry point."""

    @property
    def entries(self) -> dict[str, Any]:
        """What the source itself is told."""
        return dict(self.model_extra or {})


def _source_tag(source: object) -> str | None:
    kind = source.get("kind") if isinstance(source, dict) else getattr(source, "kind", None)
    return None if kind is None else str(kind) if kind in OUR_SOURCES else "plugged"


DemandSource = Annotated[
    Annotated[SimulatedSource, Tag("simulated")] | Annotated[FileSource, Tag("file")]
    | Annotated[SqlSource, Tag("sql")] | Annotated[PluggedSource, Tag("plugged")],
    Discriminator(_source_tag, custom_error_type="source_kind", custom_error_message=(
        f"kind is missing; write one of {', '.join(OUR_SOURCES)}, or that of a source that is plugged in"))]


class AttributeTable(StrictEntry):
    """A table with a row for each item, or each region, and its attributes in columns."""

    key: str
    """The column that holds the item, or the region."""
    source: Annotated[FileSource | SqlSource, Field(discriminator="kind")]


class AttributeTables(StrictEntry):
    """Where attributes stand that are not in the rows of demand."""

    item: AttributeTable | None = None
    region: AttributeTable | None = None

    def of(self, axis: Axis) -> AttributeTable | None:
        """The table of items, or of regions."""
        return self.item if axis == "item" else self.region


class PredecessorTable(StrictEntry):
    """A table with a row for each item that replaces another, beside the rows of ``[[predecessors]]``."""

    item: str = "item"
    """The column with the new item."""
    replaces: str = "replaces"
    """The column with the item in whose place it is sold."""
    region: str = ""
    """The column with the region; where it is empty, or there is none, the row counts everywhere."""
    scale: str = ""
    """The column with the units of the new item for each unit of the other; 1 where it is empty, or there is none."""
    date: str = ""
    """The column with the first day on which the new item is sold in the other's place."""
    date_format: str | None = None
    """How the date is written, as in ``%d/%m/%Y``; ISO 8601 unless given."""
    source: Annotated[FileSource | SqlSource, Field(discriminator="kind")]
