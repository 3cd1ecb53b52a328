"""The checkout as others get it: a wheel, an environment that has it, and a repository that knows nothing of it."""
