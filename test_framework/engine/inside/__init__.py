"""Runs inside the project's interpreter: standard library and the project's pytest only.

Loaded by path under the private name `_apex_inside`; nothing of the tool imports it.
"""
