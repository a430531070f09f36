"""One audit with a budget: claims drawn at random, each put to a check that is drawn at random."""
