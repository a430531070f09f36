"""Tools for users' own data or model, built from `theory` and `sims`."""
