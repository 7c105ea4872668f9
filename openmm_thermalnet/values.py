"""Text of a command line as values: lists of numbers, gains, tables."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any


def split_numbers(value: Any) -> Any:
    """Accept "0,1", or "none", where a list is wanted, as a command line gives it."""
    if value == "none":
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [value] if isinstance(value, (int, float)) else value


def read_gain(value: Any) -> Any:
    """Accept "1" where a number is wanted, as a command line gives it."""
    if isinstance(value, str) and value != "fan_in":
        try:
            return float(value)
        except ValueError:
            raise ValueError("give a positive number or fan_in") from None
    return value


def read_table(value: Any) -> Any:
    """Accept a CSV file of step,kT lines, with or without a header, where a table is wanted."""
    if not isinstance(value, (str, Path)):
        return value
    try:
        with Path(value).open(newline="") as stream:
            rows = [[cell.strip() for cell in row] for row in csv.reader(stream) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise ValueError("give a CSV file of step,kT lines that can be read") from None
    if rows and (rows[0][0].startswith("#") or rows[0][0][:1].isalpha()):
        rows = rows[1:]
    for row in rows:
        if len(row) != 2:
            raise ValueError(f"its line {','.join(row)!r} is no step,kT; give two numbers")
    return rows
