"""What users apply to their own data or model; built from `theory` and `sims`."""
