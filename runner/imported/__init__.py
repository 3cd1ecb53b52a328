"""Definitions of other suites, run as their own tools would: same flags, same order, same verdict."""
