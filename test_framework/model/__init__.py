"""Words: frozen dataclasses of the domain. Standard library only; nothing here imports another floor."""
