"""The corpus is material for tests/integration/test_corpus.py: its projects run only as copies, never from here."""

collect_ignore_glob = ["*"]
