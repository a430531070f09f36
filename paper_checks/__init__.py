"""The trial: claims, the decision procedures that judge them, and the ledger of verdicts."""
