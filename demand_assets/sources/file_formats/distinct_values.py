"""Columns of which each distinct value is kept once, and a row holds its place among them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from demand_assets.sources.file_formats.file_table import Positions

CODED = pa.dictionary(pa.int32(), pa.string())
NUL_SHOWN = "\ufffd"
"""What a NUL in a text is read as."""
_MOST_HELD = 1 << 16
"""Distinct texts of a column that stay in memory as Python has them."""


@dataclass(frozen=True)
class Coded:
    """A column of which each distinct value is kept once."""

    distinct: pa.ChunkedArray
    places: npt.NDArray[np.int32]
    """Of each row's value among them; -1 where none stands."""

    def read_as(self, values: pa.ChunkedArray) -> "Coded":
        """The column with these values in place of the distinct ones."""
        if not is_text(values.type):
            return Coded(values, self.places)
        encoded = values.dictionary_encode().combine_chunks()  # what is written in two ways may be read alike
        places = encoded.indices.fill_null(-1).to_numpy()
        return Coded(pa.chunked_array([encoded.dictionary]), np.append(places, np.int32(-1))[self.places])

    def at(self, rows: Positions | slice, as_kept: bool, as_few: bool = False) -> "pd.Series[Any]":
        """The values of some rows.

        Args:
            as_kept: text as categories, of which there may be more than those rows have.
            as_few: text as categories too, where there are no more of them than rows and none is missing.
        """
        places = self.places[rows]
        is_few = is_text(self.distinct.type) and len(self.distinct) <= len(places)
        if as_kept or (as_few and is_few and places.min() >= 0):
            return pd.Series(pd.Categorical.from_codes(places, self._texts(), validate=False))
        if is_few:
            return pd.Series(np.append(self._texts().to_numpy(), None)[places], dtype=object)
        return cast("pd.Series[Any]", self.distinct.take(pa.array(places, mask=places < 0)).to_pandas())

    def _texts(self) -> "pd.Index[Any]":
        return self._held_texts if len(self.distinct) <= _MOST_HELD else self._made_texts()

    @cached_property
    def _held_texts(self) -> "pd.Index[Any]":
        return self._made_texts()

    def _made_texts(self) -> "pd.Index[Any]":
        return pd.Index(self.distinct.to_pandas(), dtype=object)


def _places(chunk: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Of each row's value among the distinct ones; -1 where none stands."""
    return chunk.indices.fill_null(-1).to_numpy()


def coded(columns: dict[str, pa.ChunkedArray]) -> dict[str, Coded]:
    """These columns of text, which are taken out of where they are, so that no two of them are there twice."""
    found = {}
    for name in list(columns):
        column = columns.pop(name)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        column = column.unify_dictionaries()
        distinct = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
        places = [_places(chunk) for chunk in column.chunks]
        found[name] = Coded(pa.chunked_array([distinct]), np.concatenate([np.zeros(0, dtype=np.int32), *places]))
        del column, places
        pa.default_memory_pool().release_unused()
    return found


def written_out(table: pa.Table) -> pa.Table:
    """The table with each row's own text."""
    return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))


def is_in(column: pa.ChunkedArray, known: pa.Array) -> npt.NDArray[np.bool_]:
    """Which rows of a column of text hold one of these."""
    if not pa.types.is_dictionary(column.type):
        return np.asarray(pc.is_in(column, known).to_numpy(zero_copy_only=False))
    parts = [np.append(pc.is_in(chunk.dictionary, known).to_numpy(zero_copy_only=False), False)[_places(chunk)]
             for chunk in column.chunks if len(chunk)]
    return np.concatenate([np.zeros(0, dtype=bool), *parts])


def is_text(kind: pa.DataType) -> bool:
    """Whether a column's values are text, also where each is stored once."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or is_bytes(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a column's values are bytes, as some programs write text."""
    if pa.types.is_dictionary(kind):
        return is_bytes(kind.value_type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def without_nul(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with U+FFFD for each NUL in its texts, of which pandas compares only what stands before it."""
    values = [chunk.dictionary for chunk in column.chunks] if pa.types.is_dictionary(column.type) else [column]
    if not any(pc.any(pc.match_substring(some, "\0")).as_py() for some in values):
        return column
    plain = pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column
    return pc.replace_substring(plain, "\0", NUL_SHOWN)
