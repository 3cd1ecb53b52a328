"""The text of a model file turned into its tester classes with their literals - without running a line of it."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import Location
from schemas.words import Mode
from suites.faces import FACES, Face
from suites.findings import Findings, did_you_mean
from suites.literals import LITERALS, Literal, read_literal
from suites.nodes import read_bytes, shown

#: The hooks under the names that other systems give them, in the order of docs/models.md.
_OTHER_HOOKS = {
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
    "set_inputs_train": "mode `train`, which needs nothing of the class",
    "append_fake_loss_function": "mode `train`, whose loss is the outputs' mean",
    "get_results_train": "mode `train`, which takes the gradients itself",
}
#: Attributes likewise.
_OTHER_ATTRIBUTES = {
    "model_group": "group",
    "mode": "modes",
    "assert_on_output_mismatch": "assert_pcc and assert_atol",
    "is_token_output": "load_tokenizer",
    "run_generate": "load_model, which returns what generates",
    "required_cosine": "required_pcc",
}
_PREFIXES = ("required_", "assert_", "relative_")
#: Which of two literals was meant cannot be known when both stand in one class.
_RIVALS = (("required_atol", "relative_atol"), ("relative_atol", "required_atol"))


class TesterClass(msgspec.Struct, frozen=True, kw_only=True):
    """One tester of a model file: its literals by name, those of its bases in the same file included."""

    name: str
    at: Location
    face: Face
    literals: dict[str, Literal]

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of its variants; none: the class is one model."""
        return tuple(self.value("variants", {}))

    @property
    def modes(self) -> tuple[Mode, ...]:
        """What its models can be run for."""
        return tuple(Mode(each) for each in self.value("modes", (Mode.EVAL,)))

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
        for name, tester in self.found.items():
            if name not in self.bases:
                self._check_issue(tester)
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
        faces = [self.found[name].face for name in parents] + [FACES[name] for name in names if name in FACES]
        if not faces:
            return
        if len({face.name for face in faces}) > 1:
            message = f"{node.name} derives from {' and '.join(dict.fromkeys(face.name for face in faces))}"
            self.findings.add(self._at(node), message, "derive it from one: a model belongs to one framework")
        own = self._literals(node, faces[0])
        literals: dict[str, Literal] = {}
        for parent in reversed(parents):
            literals.update(self.found[parent].literals)
        for name, rival in _RIVALS:
            if name in own and own[name].value is not None:
                literals.pop(rival, None)
        literals.update(own)
        self.bases.update(parents)
        self.found[node.name] = TesterClass(name=node.name, at=self._at(node), face=faces[0], literals=literals)

    def _literals(self, node: ast.ClassDef, face: Face) -> dict[str, Literal]:
        literals: dict[str, Literal] = {}
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name in _OTHER_HOOKS:
                ours = _OTHER_HOOKS[statement.name]
                message = f"{node.name}.{statement.name} would never be called: it is {ours} here"
                self.findings.add(self._at(statement), message, "follow docs/models.md, which maps the names")
            for name, value in _assigned(statement):
                if name in face.literals:
                    read = read_literal(name, value, self._at, self.findings)
                    if read is not None:
                        literals[name] = read
                else:
                    self._tell_useless(node, statement, name, face)
        self._check_together(node, face, literals)
        return literals

    def _check_issue(self, tester: TesterClass) -> None:
        """A check that is disabled without saying where that is tracked."""
        if tester.value("issue", ""):
            return
        for name in ("assert_pcc", "assert_atol", "assert_tokens"):
            if tester.value(name, True) is False:
                message = f"{tester.name}: {name} is False, and nothing says where that is tracked"
                self.findings.add(tester.literals[name].at, message, "add `issue`, the URL of the issue")

    def _tell_useless(self, node: ast.ClassDef, statement: ast.stmt, name: str, face: Face) -> None:
        """An attribute that looks like a literal and is none."""
        ours, message = _OTHER_ATTRIBUTES.get(name), f"{node.name}.{name} would have no effect"
        if ours is not None:
            self.findings.add(self._at(statement), f"{message}: it is {ours} here", "docs/models.md maps the names")
        elif name in LITERALS:
            self.findings.add(self._at(statement), f"{message}: {face.name} has no such literal", "remove it")
        elif name.startswith(_PREFIXES):
            self.findings.add(self._at(statement), message, did_you_mean(name, sorted(face.literals)))

    def _check_together(self, node: ast.ClassDef, face: Face, literals: dict[str, Literal]) -> None:
        """What each literal by itself does not show."""
        both = [literals[name] for name in _RIVALS[0] if name in literals and literals[name].value is not None]
        if len(both) > 1:
            message = f"{node.name}: relative_atol stands for required_atol, and both are given"
            self.findings.add(max(both, key=lambda each: each.at).at, message, "keep one")
        modes = literals.get("modes")
        odd = [each for each in modes.value if Mode(each) not in face.modes] if modes else []
        if modes and odd:
            self.findings.add(modes.at, f"modes: {face.name} has no mode {odd[0]!r}", face.only_eval)
            del literals["modes"]

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
