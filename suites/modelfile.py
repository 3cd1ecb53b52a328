"""The text of a model file turned into its tester classes with their literals - without running a line of it."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import Location
from suites.findings import Findings, did_you_mean
from suites.literals import LITERALS, read_literal
from suites.nodes import read_bytes, shown

#: What a tester may derive from, with the path by which its models reach the compiler.
FACES = ("OnnxModelTester",)

#: The hooks under the names that other systems give them, in the order of docs/models.md.
_OTHER_NAMES = {
    "construct_model": "load_model",
    "_load_model": "load_model",
    "construct_inputs": "load_inputs",
    "_load_inputs": "load_inputs",
    "_extract_outputs": "extract_outputs",
    "apply_postprocessing": "postprocess",
    "save_processed_output": "save_processed_outputs",
    "update_dim_param_dict": "dim_values",
    "update_input_name_to_shape_map": "input_shapes",
    "update_sess_options": "configure_session",
    "update_extra_options": "compiler_flags",
}


class Literal(msgspec.Struct, frozen=True):
    """A value that stands in a class's body, and where."""

    value: Any
    at: Location


class TesterClass(msgspec.Struct, frozen=True, kw_only=True):
    """One tester of a model file: its literals by name, those of its bases in the same file included."""

    name: str
    at: Location
    literals: dict[str, Literal]

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of its variants; none: the class is one model."""
        return tuple(self.value("variants", {}))

    def value(self, name: str, default: Any) -> Any:
        """A literal's value."""
        found = self.literals.get(name)
        return default if found is None else found.value


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read. `testers` holds the classes that are no base of another one here."""

    path: Path
    shown: str
    sha256: str
    testers: dict[str, TesterClass]
    bases: frozenset[str]  # testers that others in the file derive from
    others: frozenset[str]  # classes that are no testers


def read_model_file(path: Path, findings: Findings) -> ModelFile | None:
    """What a file declares; None, with a finding at the place, when it cannot be read or is no Python."""
    data = read_bytes(path, findings)
    if data is None:
        return None
    file = shown(path)
    try:
        tree = ast.parse(data, filename=file)
    except SyntaxError as error:
        where = Location(file, error.lineno or 1, max(error.offset or 1, 1))
        findings.add(where, f"not valid Python: {error.msg}", "mend the syntax at this place or just above it")
        return None
    except ValueError as error:  # a null byte
        findings.add(Location(file, 1, 1), f"not valid Python: {error}", "save the file as UTF-8 text")
        return None
    return _Reader(file, findings).file(path, hashlib.sha256(data).hexdigest(), tree)


class _Reader:
    """Reads the classes of one file in order, so that bases come before what derives from them."""

    def __init__(self, file: str, findings: Findings) -> None:
        self.shown = file
        self.findings = findings
        self.found: dict[str, TesterClass] = {}
        self.bases: set[str] = set()

    def file(self, path: Path, sha256: str, tree: ast.Module) -> ModelFile:
        others = set()
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                self._class(node)
                if node.name not in self.found:
                    others.add(node.name)
        return ModelFile(
            path=path,
            shown=self.shown,
            sha256=sha256,
            testers={name: tester for name, tester in self.found.items() if name not in self.bases},
            bases=frozenset(self.bases),
            others=frozenset(others),
        )

    def _class(self, node: ast.ClassDef) -> None:
        names = [base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases]
        parents = [name for name in names if name in self.found]
        if not parents and not set(names) & set(FACES):
            return
        literals: dict[str, Literal] = {}
        for parent in reversed(parents):
            literals.update(self.found[parent].literals)
        literals.update(self._literals(node))
        self.bases.update(parents)
        self.found[node.name] = TesterClass(name=node.name, at=self._at(node), literals=literals)

    def _literals(self, node: ast.ClassDef) -> dict[str, Literal]:
        literals: dict[str, Literal] = {}
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name in _OTHER_NAMES:
                ours = _OTHER_NAMES[statement.name]
                message = f"{node.name}.{statement.name} would never be called: it is {ours} here"
                self.findings.add(self._at(statement), message, f"make it {ours}; docs/models.md maps the names")
            for name, value in _assigned(statement):
                if name in LITERALS:
                    read = read_literal(name, value, self._at, self.findings)
                    if read is not None:
                        literals[name] = Literal(read, self._at(value))
                elif name.startswith("required_"):
                    remedy = did_you_mean(name, LITERALS)
                    self.findings.add(self._at(statement), f"{node.name}.{name} would have no effect", remedy)
        return literals

    def _at(self, node: ast.AST) -> Location:
        return Location(self.shown, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1)


def _assigned(statement: ast.stmt) -> list[tuple[str, ast.expr]]:
    """Names of a class body's assignment with the expression that each gets."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets: list[ast.expr] = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets
    else:
        return []
    value = statement.value
    return [(each.id, value) for each in targets if isinstance(each, ast.Name) and value is not None]
