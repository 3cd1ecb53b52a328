"""Suites of small real models, and batches that go wrong, for the tests of the engine."""
