"""Settings that every test shares."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: machines differ. On CI the same examples every time, so that red means that the change is at fault.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
