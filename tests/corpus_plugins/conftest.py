"""Material for tests/integration/test_plugin_matrix.py: they run as copies, never from here."""

collect_ignore_glob = ["*"]
