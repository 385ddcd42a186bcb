"""Training: from recipes to bundles. Owns everything that needs torch; refuses to be imported at run time."""
