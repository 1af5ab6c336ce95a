"""Errors that a user can act on: where, what is wrong, what to do."""

from __future__ import annotations


class ArginatorError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        where: File, parameter or model at fault, as the user knows it.
        problem: What is wrong, with the count, the first offender and what was expected.
        remedy: What to do next; may be empty.
    """

    exit_status = 1

    def __init__(self, where: object, problem: str, remedy: str = "") -> None:
        self.where, self.problem, self.remedy = str(where), problem, remedy
        super().__init__(f"{where}: {problem}" + (f"; {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[type[ArginatorError], tuple[str, str, str]]:
        """Travel from one process to another as what it is."""
        return type(self), (self.where, self.problem, self.remedy)


class ParamsError(ArginatorError):
    """A parameter is unknown, missing, of the wrong type or out of range."""

    exit_status = 2


class DataError(ArginatorError):
    """An input file or its content cannot be used."""

    exit_status = 2


class ModelError(ArginatorError):
    """A stored model is missing, damaged or does not fit the data."""
