"""A report as files: each module writes one format and knows no other."""
