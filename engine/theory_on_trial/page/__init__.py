"""What people read: the report with its plots and typeset statements, and two ledgers compared."""
