"""Python's side of the Node programs in tests/actions."""
