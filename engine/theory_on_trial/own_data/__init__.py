"""What tools for users' data share: checks of arrays and features, estimates with intervals."""
