"""The HTTP service: the same answers as the command, one at a time or as jobs of whole files."""
