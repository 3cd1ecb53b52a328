"""``python -m runner``: cases in, records out."""

import sys

from e2eshard.start import start

if __name__ == "__main__":
    sys.exit(start("runner"))
