"""Classify beta-lactamases and their Ambler class from protein embeddings."""

from importlib.metadata import version

__version__ = version("arginator")
