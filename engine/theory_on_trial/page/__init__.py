"""The report with its plots and typeset statements, tables, and the comparison of two ledgers."""
