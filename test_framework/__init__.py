"""Netra Apex: runs a project's tests in layers with deadlines, and says truthfully what is still owed."""

__version__ = "0.1.0"
