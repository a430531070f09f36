"""What test suites share: promises of public functions, admissible arguments, a Python that starts in a moment."""
