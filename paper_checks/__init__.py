"""The claims of the papers, put on trial: theory against what actually happens."""
