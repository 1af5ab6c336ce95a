"""The table of jobs: one SQLite file in write-ahead mode that several processes use at once."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

TABLE = "jobs.sqlite3"
BUSY_S = 10.0  # how long a writer waits for another
PRIMARY = 0xFF  # bits of SQLite's code for an error; what is above them tells more
FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  created REAL NOT NULL,
  started REAL,
  ended REAL,
  done INTEGER NOT NULL DEFAULT 0,
  total INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  worker INTEGER,
  problem TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
"""


@contextmanager
def connect(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the table in a folder for one transaction.

    Raises:
        OSError: The disk is full.
    """
    try:
        with closing(sqlite3.connect(folder / TABLE, timeout=BUSY_S)) as table, table:
            yield table
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & PRIMARY not in FULL:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from None


def hold_table(folder: Path) -> sqlite3.Connection:
    """Make the table in a folder unless it is there, and return a connection to keep open.

    As long as one is open, SQLite keeps the files beside the table, without which nothing could be
    read on a full disk.

    Raises:
        OSError: The disk is full.
    """
    with connect(folder) as table:
        table.execute("PRAGMA journal_mode = WAL")
        table.executescript(SCHEMA)
        held = sqlite3.connect(folder / TABLE, check_same_thread=False)
        held.execute("SELECT count(*) FROM jobs").fetchone()
    return held
