"""What a model's code asks for - a URL, a path of the shared store, a Hugging Face id - turned into a local path."""

from suites.files.get import get_file

__all__ = ["get_file"]
