"""A case's stages: which are run, in what order, and what each does."""

from runner.stages.plan import plan

__all__ = ["plan"]
