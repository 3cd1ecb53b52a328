"""``python -m results``: what ``results.cli`` says."""

import sys

from e2eshard.start import start

if __name__ == "__main__":
    sys.exit(start("results"))
