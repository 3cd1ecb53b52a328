"""Suites of others, read where they lie: definitions turned into models and, for each target, into what is run."""
