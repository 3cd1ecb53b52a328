"""Intermediates: a compiled model checked tensor by tensor against goldens, so that the first wrong one has a name."""
