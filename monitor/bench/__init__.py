"""What the monitor costs, measured on this machine. Owns ratios taken in one run; never imported at run time."""
