"""The worker of cases that go on from bundles without their models: the usual one, with less loaded beforehand."""

from runner.worker import preload_steps as preload
from runner.worker import run

__all__ = ["preload", "run"]
