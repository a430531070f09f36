"""What test suites share: settings, small repositories, a Python that starts in a moment."""
