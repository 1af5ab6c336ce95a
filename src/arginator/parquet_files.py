"""Parquet files of the pipeline: opened with checksums verified, faults named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from arginator.errors import DataError


@contextmanager
def open_parquet(path: Path, remedy: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file that a stage wrote.

    Raises:
        DataError: The file is missing or damaged, also if that shows only while it is read.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise DataError(path, "no such file", remedy) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(path, f"damaged or incomplete ({error})", remedy) from None
