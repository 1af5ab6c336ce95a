"""Positive calls in the columns of hAMRonization, for those who merge reports of many tools.

Columns and their order are those of the specification that the `hAMRonization` package reads:
https://github.com/pha4ge/hAMRonization. Only proteins that are called a beta-lactamase, or whatever
the binary task looks for, have a row. Nothing was aligned, so the fields of alignments are empty.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import IO

import pyarrow as pa

from arginator import __version__

FIELDS = (
    "input_file_name",
    "gene_symbol",
    "gene_name",
    "reference_database_name",
    "reference_database_version",
    "reference_accession",
    "analysis_software_name",
    "analysis_software_version",
    "genetic_variation_type",
    "antimicrobial_agent",
    "coverage_percentage",
    "coverage_depth",
    "coverage_ratio",
    "drug_class",
    "input_gene_length",
    "input_gene_start",
    "input_gene_stop",
    "input_protein_length",
    "input_protein_start",
    "input_protein_stop",
    "input_sequence_id",
    "nucleotide_mutation",
    "nucleotide_mutation_interpretation",
    "predicted_phenotype",
    "predicted_phenotype_confidence_level",
    "amino_acid_mutation",
    "amino_acid_mutation_interpretation",
    "reference_gene_length",
    "reference_gene_start",
    "reference_gene_stop",
    "reference_protein_length",
    "reference_protein_start",
    "reference_protein_stop",
    "resistance_mechanism",
    "strand_orientation",
    "sequence_identity",
)
LINE_BREAKERS = re.compile(r"[\t\r\n]")  # in a name; the format knows no quotes
GROUP = "beta-lactamase"
ACCESSIONS = {"A": "ARO:3000078", "B": "ARO:3000004", "C": "ARO:3000076", "D": "ARO:3000075"}
UNKNOWN_CLASS = "ARO:3000001"
"""Terms of the Antibiotic Resistance Ontology (Alcock et al. 2023, doi:10.1093/nar/gkac920)."""


class HamronizedWriter:
    """A tab-separated table with a row for each protein that is called a beta-lactamase.

    Args:
        file: Where to write.
        database: Name of the data set that the models were trained on.
        version: Ids of the bundles.
        positive: Calls that have a row.
    """

    def __init__(
        self, file: IO[bytes], database: str, version: str, positive: Sequence[str]
    ) -> None:
        self._file, self._positive = file, positive
        self._facts = {
            "reference_database_name": database,
            "reference_database_version": version,
            "analysis_software_name": "arginator",
            "analysis_software_version": __version__,
            "genetic_variation_type": "gene_presence_detected",
            "drug_class": "beta-lactam antibiotic",
            "resistance_mechanism": "antibiotic inactivation",
        }
        file.write(("\t".join(FIELDS) + "\n").encode())

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a row for each positive call; the batch has a column `file`."""
        for row in batch.select(["file", "id", "call", "class"]).to_pylist():
            ambler = row["class"]
            if row["call"] not in self._positive:
                continue
            name = GROUP if ambler in (None, GROUP) else f"class {ambler} {GROUP}"
            known = self._facts | {
                "input_file_name": LINE_BREAKERS.sub(" ", PurePath(row["file"]).name),
                "gene_symbol": name,
                "gene_name": name,
                "reference_accession": ACCESSIONS.get(ambler, UNKNOWN_CLASS),
                "input_sequence_id": LINE_BREAKERS.sub(" ", row["id"]),
            }
            self._file.write(("\t".join(known.get(f, "") for f in FIELDS) + "\n").encode())

    def close(self) -> None:
        """Write what is left: nothing."""
