"""Hands that run tests: processes, lanes, the journal and the dispatcher."""
