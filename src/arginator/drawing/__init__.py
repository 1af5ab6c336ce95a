"""Figures one by one, on one canvas; `arginator.figures` puts them together."""
