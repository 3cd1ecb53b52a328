"""``python -m generator``: suites in, matrices and workflows out."""

import sys

from e2eshard.start import start

if __name__ == "__main__":
    sys.exit(start("generator"))
