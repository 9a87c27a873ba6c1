"""Hands that remember: the runs' directories and what is kept from one run to the next."""
