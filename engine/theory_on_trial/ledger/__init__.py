"""The ledger: one row per claim, from the findings of its trial, and the whole as JSON."""

from theory_on_trial.ledger.facts import platform_facts, repository_name
from theory_on_trial.ledger.files import Ledger, read, write_json
from theory_on_trial.ledger.journal import SCHEMA
from theory_on_trial.ledger.rows import Row, paper_in, rows_of
from theory_on_trial.ledger.words import brief, brief_interval, proved_for

__all__ = [
    "SCHEMA",
    "Ledger",
    "Row",
    "brief",
    "brief_interval",
    "paper_in",
    "platform_facts",
    "proved_for",
    "read",
    "repository_name",
    "rows_of",
    "write_json",
]
