"""AFTER THE RUN: a matrix joined with records becomes a report."""
