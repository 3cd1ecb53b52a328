"""A run becomes the smallest change to the files of expected failures."""
