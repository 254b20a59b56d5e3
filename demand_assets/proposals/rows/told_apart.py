"""What tells the rows of one period apart: a file or a sheet for each region, corrections, returns, units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from demand_assets.proposals.cannot_propose import CannotProposeError
from demand_assets.proposals.columns.facts import Column, Facts
from demand_assets.proposals.columns.found_roles import Roles
from demand_assets.proposals.columns.periods import readings_of, series_codes
from demand_assets.proposals.draft import written
from demand_assets.sources.column_names import called, plain, quoted, words_of
from demand_assets.sources.currencies import currency_named
from demand_assets.sources.units_of_measure import unit_named

_NOT_SOLD_WORDS = """cancelled canceled cancellation cancel void voided refund refunded refunds return returned
 returns reversal reversed rejected storno storniert stornierung stornos retoure retouren ruckgabe rueckgabe annule
 annulee retour retours rembourse devolucion devoluciones devuelto anulado cancelado reso resi annullato devolucao
 estorno geannuleerd zwrot anulowane anulowany возврат отмена iade iptal 返品 キャンセル 退货 取消 반품 취소 gutschrift
 gutschriften avoir crn rtn rma"""
_NOT_SOLD_PHRASES = frozenset(["sales return", "sales returns", "customer return", "item return", "return order",
                               "credit note", "credit memo", "nota de credito", "note de credit", "nota di credito"])
_VERSION_WORDS = """version revision rev updated modified changed corrected loaded extracted ingested snapshot asof
 asofdate exported exportdate loaddate uploaded refreshed retrieved ladedatum exportiert exportdatum datenstand geandert
 anderungsdatum aenderungsdatum aktualisiert korrigiert fassung"""
_UNIT_WORDS = """unit units uom unitofmeasure measure me mengeneinheit einheit basiseinheit unite unidad unita um
 meins vrkme eenheid jednostka jm ед единица 単位 单位"""
_CURRENCY_WORDS = """currency currencycode curr waers waehrung wahrung devise monnaie moneda divisa valuta moeda
 waluta mena valuuta para валюта 通貨 货币 币种 통화"""
_CURRENCY = frozenset(_CURRENCY_WORDS.split())
_NOT_SOLD, _VERSION, _UNIT = (frozenset(words.split()) for words in (_NOT_SOLD_WORDS, _VERSION_WORDS, _UNIT_WORDS))
_VERSIONS_OF_FILES = frozenset(["old", "new", "final", "copy", "backup", "corrected", "v1", "v2", "v3", "alt", "neu",
                               "kopie", "korrigiert", "korrektur"])
_FEW_VALUES = 30
_MANY_PERIODS = 0.3
"""Of the rows, from which on several files that tell of the same periods with other values are no corrections."""
_MANY_BLANK = 0.7
"""Share of rows with a value, at most, of a column that has one in the first row of each block."""
_FEW_LEFT = 0.3
"""Of the rows that share their period."""
_NEARLY_ALL, _MOST = 0.95, 0.8


@dataclass(frozen=True)
class SharedPeriods:
    """The rows that share their series and date with another."""

    rows: pd.DataFrame
    """``key``, ``day``, ``demand`` and ``row``, its place in the table."""
    share: float
    """Of all rows with a date."""
    sizes: "pd.Series[int]"
    """How many rows each series has on each date."""
    differing: list[Column]
    """Columns without a role in which such rows differ."""


def shared_periods(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64]) -> SharedPeriods:
    """The rows of the facts that share their period."""
    known = ~np.isnat(roles.days)
    frame = pd.DataFrame({"key": series_codes(roles.keys(facts), facts.rows)[known],
                          "day": roles.days[known].astype(np.int64), "demand": demand[known],
                          "row": np.flatnonzero(known)})
    groups = frame.groupby(["key", "day"], sort=False)
    several = frame[groups["row"].transform("size") > 1]
    by = [several["key"].to_numpy(), several["day"].to_numpy()]
    differing = [column for column in facts.columns if column.name not in roles.used and not column.is_constant
                 and len(several) and pd.Series(column.codes[0][several["row"]]).groupby(by).nunique().max() > 1]
    return SharedPeriods(several, len(several) / max(1, len(frame)), groups.size(), differing)


def take_finer_keys(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64]) -> None:
    """Make the region, or the item, of two columns where both are called so and the rows of a period differ in the one
    that was not taken: shops that are numbered anew in each country."""
    for role in ("region", "item"):
        taken = getattr(roles, role)
        shared = shared_periods(facts, roles, demand)
        column = max((one for one in shared.differing if one.says(role) >= 2), key=lambda one: len(one.distinct),
                     default=None)
        if taken is None or column is None:
            continue
        both = facts.column(taken), column
        finer = Roles(region=roles.region, item=roles.item, parts=[*roles.parts, column.name], days=roles.days)
        if shared_periods(facts, finer, demand).share > _FEW_LEFT * shared.share:
            continue
        of_each = pd.Series(both[0].codes[0]).groupby(both[1].codes[0]).nunique()
        roles.used.add(column.name)
        if of_each.max() <= 1:
            roles.used.discard(taken)
            setattr(roles, role, column.name)
            roles.reasons[role] = f"called so, and finer than {taken!r}; {len(column.distinct)} values"
            continue
        setattr(roles, role, None)
        roles.parts += [one.name for one in both]
        roles.expressions[role] = f"text({quoted(taken)}) + '/' + text({quoted(column.name)})"
        roles.reasons[f"expression {role}"] = (f"the same {column.name!r} stands there for several {taken!r}: both "
                                               f"together are the {role}")


def blank_below(facts: Facts, roles: Roles) -> list[str]:
    """The columns of names and dates that are empty in many rows, but not in the first: it may stand for all."""
    return [column.name for column in facts.columns if column.name in (roles.date, roles.region, roles.item)
            and column.known_share <= _MANY_BLANK and column.codes[0][0] >= 0]


def names_series(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64], files: Column) -> bool:
    """Whether the files, or the sheets, are one for each region or item: rows of several tell of the same periods, with
    other values, and their names are no dates.

    Args:
        files: the name of each row's file or sheet.
    """
    shared = shared_periods(facts, roles, demand)
    if shared.share < _MANY_PERIODS or readings_of(files.distinct) or any(
            words_of(name) & _VERSIONS_OF_FILES for name in files.distinct):
        return False
    rows = shared.rows.assign(file=files.codes[0][shared.rows["row"]])
    sums = rows.groupby(["key", "day", "file"], sort=False)["demand"].sum().groupby(["key", "day"], sort=False)
    of_several, differ = sums.size() > 1, sums.nunique() > 1
    return bool(of_several.mean() >= _MOST and differ[of_several].mean() >= _MANY_PERIODS)


def are_overlaps(shared: SharedPeriods, files: Column | None) -> bool:
    """Whether rows share their period with rows of other files only."""
    if files is None or not len(shared.rows):
        return False
    rows = shared.rows.assign(file=files.codes[0][shared.rows["row"]])
    return bool(1 - rows.duplicated(["key", "day", "file"]).mean() >= _NEARLY_ALL)


def are_parts_of_a_report(shared: SharedPeriods, date: Column | None) -> bool:
    """Whether nearly every period has the same number of rows, with other values, and no column tells them apart: as in
    tables that stand one below the other, with the name of each above it. Not so lines of which some are returns, or
    hours of a day.

    Args:
        date: as it is written.
    """
    if shared.differing or not len(shared.rows) or (shared.rows["demand"] < 0).any():
        return False
    if date is not None and pd.Series(date.codes[0][shared.rows["row"]]).groupby(
            [shared.rows["key"].to_numpy(), shared.rows["day"].to_numpy()]).nunique().max() > 1:
        return False
    usual = int(shared.sizes.mode().iloc[0])
    differ = shared.rows.groupby(["key", "day"], sort=False)["demand"].nunique() > 1
    return usual > 1 and bool((shared.sizes == usual).mean() >= _MOST) and bool(differ.mean() >= _MANY_PERIODS)


def at_the_turn_of_the_year(shared: SharedPeriods) -> bool:
    """Whether all rows that share their period are of the first and the last weeks of a year."""
    weeks = pd.DatetimeIndex(shared.rows["day"].to_numpy().astype("datetime64[D]")).isocalendar()["week"]
    return len(weeks) > 0 and bool(weeks.isin([1, 52, 53]).all())


def version_of(shared: SharedPeriods) -> Column | None:
    """The column that says which of the rows of a period is the newest, where nothing else tells them apart."""
    its = [column for column in shared.differing if words_of(column.name) & _VERSION]
    return its[-1] if its and len(its) == len(shared.differing) else None


def is_in_order(shared: SharedPeriods, version: Column) -> bool:
    """Whether the newest row of each period is the last."""
    rows = shared.rows.sort_values("row")
    order = version.numbers if version.is_number else pd.factorize(version.texts, sort=True)[0].astype(float)
    steps = pd.Series(order[rows["row"]]).groupby([rows["key"].to_numpy(), rows["day"].to_numpy()]).diff()
    return bool((steps.dropna() >= 0).all())


def check_rows(facts: Facts, roles: Roles, demand: npt.NDArray[np.float64]) -> None:
    """Nothing, where all rows count in one unit what was sold.

    Raises: CannotProposeError: a column says that some were returned or cancelled, or are in another unit.
    """
    by_content = {name for kind, name in (("region", roles.region), ("item", roles.item)) if name and not called(
        name, kind)}  # that tells rows apart, and may be no name of a region or an item
    for column in facts.columns:
        is_named = column.name in roles.used - by_content
        if is_named or not 1 < len(column.distinct) <= _FEW_VALUES:
            continue
        _check_sold(column, demand)
        if words_of(column.name) & _UNIT or _are_units(column.distinct):
            keys = [key for key in roles.keys(facts) if key.name != column.name]
            _check_units(column, series_codes(keys, facts.rows))
        if words_of(column.name) & _CURRENCY:
            keys = [key for key in roles.keys(facts) if key.name != column.name]
            _check_currencies(column, series_codes(keys, facts.rows), facts, roles)


def is_not_sold(value: str) -> bool:
    """Whether a value says that what its row tells of came back, or was cancelled."""
    return plain(value) in _NOT_SOLD | _NOT_SOLD_PHRASES


def _check_sold(column: Column, demand: npt.NDArray[np.float64]) -> None:
    is_flag = column.is_yes_no and words_of(column.name) & _NOT_SOLD
    values = [value for value in column.distinct if plain(value) in (
        ("1", "yes", "true", "y", "ja", "oui", "si", "x") if is_flag else _NOT_SOLD | _NOT_SOLD_PHRASES)]
    for value in values:
        its = demand[column.codes[0] == column.distinct.index(value)]
        if (its > 0).any():
            others = [other for other in column.distinct if other not in values]
            raise CannotProposeError(f"the column {column.name!r} says what became of each row, as {value!r}, and "
                                     f"{int((its > 0).sum()):,} such rows have numbers above 0, which would count as "
                                     "sold; keep the rows of sales only, or write what came back as negative numbers; "
                                     "in a dataset file, under [rules], only_rows = "
                                     f"{written({column.name: others})} keeps them")


def _are_units(values: Sequence[str]) -> bool:
    """Whether values are units beyond doubt, whatever their column is called: not all of one letter, as sizes are."""
    return all(map(unit_named, values)) and any(len(value.strip()) > 1 for value in values)


def _check_units(column: Column, series: Sequence[int] | npt.NDArray[np.int64]) -> None:
    units = [unit_named(value) or value for value in column.distinct]  # some are of the company's own
    if len(set(units)) < 2 or not any(map(unit_named, column.distinct)):
        return
    known = column.codes[0] >= 0
    places = pd.factorize(np.array(units, dtype=object))[0][column.codes[0][known]]
    if pd.Series(places).groupby(np.asarray(series)[known]).nunique().max() > 1:
        raise CannotProposeError(f"the column {column.name!r} says the unit of each row, as {column.distinct[0]!r} and "
                                 f"{column.distinct[1]!r}, and rows of one item have several; convert them to one")


def _check_currencies(column: Column, series: Sequence[int] | npt.NDArray[np.int64], facts: Facts,
                      roles: Roles) -> None:
    """Note a column that says the currency of each row's amounts. Raises: CannotProposeError: those of one item are in
    several."""
    currencies = [currency_named(value) for value in column.distinct]
    amounts = [other.name for other in facts.columns if other.is_number and any(
        other.says(kind) >= 2 for kind in ("price", "cost", "money"))]
    if len(set(currencies)) < 2 or None in currencies or not amounts:
        return
    known = column.codes[0] >= 0
    places = pd.factorize(np.array(currencies, dtype=object))[0][column.codes[0][known]]
    words = (f"{column.name!r} says the currency of each row, as {column.distinct[0]!r} and {column.distinct[1]!r}, "
             "and nothing is converted")
    if pd.Series(places).groupby(np.asarray(series)[known]).nunique().max() > 1:
        raise CannotProposeError(f"the column {words}: {amounts[0]!r} of one item is in several; convert it to one")
    roles.notes.append(f"{words}: {amounts[0]!r} is not to be compared, or summed, between them; convert it to one")
