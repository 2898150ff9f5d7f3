"""Whether the fast encoding gives the same value and rank as the plain one, bit for bit.

    uv run --group test python benchmarks/agreement.py

A codec is fitted to each column. All of its rows are then encoded twice: as always, where a table
decides most draws of a mode, and by `RowCodec.encode_without_table`, which evaluates the
probabilities of all modes for each row.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from columns import COLUMNS, write_table
from measuring import Figures, conclude, markdown, parser_of
from stages import FittedColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gmm_pipeline.arrow.column_codec import ColumnCodec
    from gmm_pipeline.arrow.encoded_rows import EncodedRows
    from gmm_pipeline.core.coding.row_codec import RowCodec

_ROWS, _QUICK_ROWS = 100_000_000, 50_000
_ROWS_PER_TASK = 1 << 22
"""A task of a thread: 34 MB of float64, and enough tasks to keep all cores busy to the end."""


@dataclass(frozen=True)
class Agreement:
    """Rows of a column that were encoded, were encoded both ways, and differ."""

    column: str
    rows: int
    compared: int
    different: int


class PlainRows:
    """Encodes rows as `RowCodec.encode_without_table` does, and counts them."""

    def __init__(self, rows: RowCodec) -> None:
        self.rows = rows
        self.encoded = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rows, name)

    def encode(
        self, x: NDArray[np.float64], atoms: NDArray[np.int32], first_row: int
    ) -> tuple[NDArray[np.floating], NDArray[np.unsignedinteger]]:
        """Return value and rank of consecutive rows."""
        self.encoded += x.size
        return self.rows.encode_without_table(x, atoms, first_row)


def compare(name: str, rows: int, folder: Path) -> Agreement:
    """Encode all rows of a column both ways."""
    write_table(folder / "source", {name: COLUMNS[name]}, rows)
    fitted = FittedColumn.of(folder / "source", name)

    def compare_rows(start: int) -> tuple[int, int]:
        plain, plain_rows = with_plain_kernel(fitted.codec)
        different, row = 0, start
        for array in fitted.column.arrays(range(start, min(start + _ROWS_PER_TASK, rows))):
            different += differences(fitted.codec.encode(array, row), plain.encode(array, row))
            row += len(array)
        return plain_rows.encoded, different

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(compare_rows, range(0, rows, _ROWS_PER_TASK)))
    return Agreement(name, rows, *map(sum, zip(*outcomes, strict=True)))


def with_plain_kernel(codec: ColumnCodec) -> tuple[ColumnCodec, PlainRows]:
    """Return the same codec with the plain kernel, and the counter of its rows."""
    plain, rows = copy(codec), PlainRows(codec.rows)
    plain.rows = rows  # type: ignore[assignment]
    return plain, rows


def differences(left: EncodedRows, right: EncodedRows) -> int:
    """Return the number of rows in which any bit of value or rank differs."""
    bits = np.dtype(f"u{left.value.itemsize}")
    return int(
        np.count_nonzero(
            (left.value.view(bits) != right.value.view(bits)) | (left.rank != right.rank)
        )
    )


def report(figures: Figures) -> str:
    """Return the figures as Markdown."""
    rows = [
        [each["column"], f"{each['compared']:,}", f"{each['different']:,}"]
        for each in figures.results
    ]
    return markdown(["column", "rows encoded both ways", "different"], rows)


def main(arguments: list[str] | None = None) -> None:
    """Compare, print, and fail if a row differs or was not compared."""
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int)
    parser.add_argument(
        "--columns", nargs="+", choices=COLUMNS, default=list(COLUMNS), metavar="NAME"
    )
    options = parser.parse_args(arguments)
    options.rows = options.rows or (_QUICK_ROWS if options.quick else _ROWS)
    agreements = []
    for name in options.columns:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            agreements.append(compare(name, options.rows, Path(folder)))
    conclude(Figures.here(options, [asdict(each) for each in agreements]), report, options.json)
    if any(each.different or each.compared != each.rows for each in agreements):
        raise SystemExit("the two encodings do not agree")


if __name__ == "__main__":
    main()
