"""What a module wants of weights becomes archives of them: random ones, splats, or given files in a readable format."""

from __future__ import annotations

from runner.parameters.convert import readable
from runner.parameters.elements import Parameter, element_type
from runner.parameters.provide import Filling, Kind, archives_for, parameter_flags
from runner.parameters.wanted import wanted_by

__all__ = ["Filling", "Kind", "Parameter", "archives_for", "element_type", "parameter_flags", "readable", "wanted_by"]
