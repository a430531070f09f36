"""Helpers of test suites: settings, small repositories, a Python that starts quickly."""
