"""Bundles: a case's folder kept, described by its hashes, and gone on from, here or on another machine."""
