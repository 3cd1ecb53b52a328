"""Runs become moves of models between lists: a patch of the manifests, its reasons, and texts of issues."""
