"""What `python -m generator init` writes into another repository, beside the generated files."""
