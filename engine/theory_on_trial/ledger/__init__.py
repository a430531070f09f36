"""The ledger: one row per claim, from the findings of its trial, and the whole as JSON."""

from theory_on_trial.ledger.files import platform_facts, write_json
from theory_on_trial.ledger.journal import SCHEMA
from theory_on_trial.ledger.rows import Row, paper_in, rows_of
from theory_on_trial.ledger.words import brief, brief_interval

__all__ = [
    "SCHEMA",
    "Row",
    "brief",
    "brief_interval",
    "paper_in",
    "platform_facts",
    "rows_of",
    "write_json",
]
