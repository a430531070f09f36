"""What the papers predict: closed forms, bounds and certificates. Pure, deterministic NumPy in
float64, no I/O.
"""
