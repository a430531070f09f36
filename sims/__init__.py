"""What actually happens: simulators in JAX (a key and parameters in, arrays out) and the sweep that maps them."""
