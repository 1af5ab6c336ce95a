"""Readers of single file formats; `arginator.sequences` and `arginator.vector_files` choose."""
