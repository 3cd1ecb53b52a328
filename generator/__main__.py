"""``python -m generator``: suites in, matrices and workflows out."""

import sys

from generator.cli import main

sys.exit(main())
