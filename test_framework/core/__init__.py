"""Decisions: pure functions and folds. No clock, no await, no process, no file."""
