"""BEFORE THE RUN: suites become matrices, matrices become workflows."""
