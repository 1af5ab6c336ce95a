"""Check the shapes and types in every signature of the library while tests run."""

from jaxtyping import install_import_hook

install_import_hook("arginator", "beartype.beartype")
