"""What the command line and the environment set instead of the suites: one table, and cases changed by its rows."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from runner import optionvalues
from runner.backends.tuning import CONST_EVAL, OPT_LEVEL, PARAMETER_IMPORT, PARAMETER_IMPORT_SIZE, SAVE_IR
from schemas.case import Case, Setting
from schemas.errors import UsageError
from schemas.words import Depth, Stage
from suites.findings import did_you_mean

COMMAND_LINE = "command line"
ENVIRONMENT = "environment"
_PREFIX = "E2ESHARD_"
_LEVELS = ("O0", "O1", "O2", "O3")

#: Variables that say where things lie; they change nothing of a case. Those of tests begin with the last.
OTHER_VARIABLES = ("E2ESHARD_STORE", "E2ESHARD_STORE_LIMIT", "E2ESHARD_OFFLINE", "E2ESHARD_ORT_EP_LIBRARY")
_TESTS = "E2ESHARD_TEST_"


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `elsewhere` are tt-torch's variables; `flags` what iree-compile or iree-run-module is given."""

    name: str
    takes: str  # as --help shows the value
    doc: str
    read: Callable[[str, str], Any]  # (how it is called here, text) -> value
    apply: Callable[[Case, Any], Case]
    stage: Stage  # the first stage that goes another way
    key: str = ""  # in a manifest
    elsewhere: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    note: str = ""

    @property
    def option(self) -> str:
        """On the command line."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """In the environment."""
        return _PREFIX + self.name.upper().replace("-", "_")

    @property
    def switch(self) -> bool:
        """Whether it is on or off."""
        return self.read is optionvalues.boolean


def _depth(said: str, text: str) -> Depth:
    return Depth(optionvalues.word(said, Depth, text) or text)


def _level(said: str, text: str) -> str:
    return optionvalues.choice(said, _LEVELS, text)


def _tuned(field: str, *flags: str) -> Callable[[Case, Any], Case]:
    """A change of one field; flags of a manifest that say the same thing give way."""

    def apply(case: Case, value: object) -> Case:
        tuning = msgspec.structs.replace(case.tuning, **{field: value})
        kept = tuple(each for each in case.compile_flags if each.partition("=")[0] not in flags)
        return msgspec.structs.replace(case, tuning=tuning, compile_flags=kept)

    return apply


def _with_flags(case: Case, flags: tuple[str, ...]) -> Case:
    return msgspec.structs.replace(case, compile_flags=(*case.compile_flags, *flags))


def _with_depth(case: Case, depth: Depth) -> Case:
    return msgspec.structs.replace(case, depth=depth)


#: By name. docs/overrides.md shows this table.
OVERRIDES: Mapping[str, Override] = MappingProxyType(
    {
        row.name: row
        for row in (
            Override(
                name="depth", takes="DEPTH", doc="how far to go, instead of the suite's depth", key="depth",
                read=_depth, apply=_with_depth, stage=Stage.SETUP, elsewhere=("TT_TORCH_COMPILE_DEPTH",),
            ),
            Override(
                name="verify", takes="BOOL", doc="whether to compare; without, no case reads PASS", key="tuning.verify",
                read=optionvalues.boolean, apply=_tuned("verify"), stage=Stage.COMPARISON,
                elsewhere=("TT_TORCH_VERIFY_OP_BY_OP",), note="whole models; theirs compares operators",
            ),
            Override(
                name="verify-intermediates", takes="BOOL",
                doc="also compare every tensor between inputs and outputs, and name the first that diverges",
                key="tuning.verify-intermediates", read=optionvalues.boolean, apply=_tuned("verify_intermediates"),
                stage=Stage.COMPARISON, elsewhere=("TT_TORCH_VERIFY_INTERMEDIATES",),
                note="compiles the model again: see intermediates.md",
            ),
            Override(
                name="save-ir", takes="BOOL", doc="keep the compiler's IR after each phase beside the case's logs",
                key="tuning.save-ir", read=optionvalues.boolean, apply=_tuned("save_ir"), stage=Stage.COMPILATION,
                elsewhere=("TT_TORCH_SAVE_MLIR", "TT_TORCH_IR_LOG_LEVEL"), flags=(SAVE_IR,),
                note="constants of more than 1,024 elements are elided in these files",
            ),
            Override(
                name="const-eval", takes="BOOL", doc="evaluate constant expressions while compiling",
                key="tuning.const-eval", read=optionvalues.boolean, apply=_tuned("const_eval", CONST_EVAL),
                stage=Stage.COMPILATION, elsewhere=("TT_TORCH_CONSTEVAL",), flags=(CONST_EVAL,),
            ),
            Override(
                name="const-eval-parameters", takes="BOOL", doc="also of weights that lie in a parameter archive",
                key="tuning.const-eval-parameters", read=optionvalues.boolean,
                apply=_tuned("const_eval_parameters", PARAMETER_IMPORT, PARAMETER_IMPORT_SIZE),
                stage=Stage.COMPILATION, elsewhere=("TT_TORCH_CONSTEVAL_PARAMETERS",),
                flags=(PARAMETER_IMPORT, PARAMETER_IMPORT_SIZE),
                note="weights that lie in the module are constants in any case",
            ),
            Override(
                name="externalize", takes="BOOL", doc="keep weights in a parameter archive, whatever their size",
                key="tuning.externalize", read=optionvalues.boolean, apply=_tuned("externalize"),
                stage=Stage.IMPORT_MODEL, elsewhere=("TT_TORCH_INLINE_PARAMETERS",), flags=("--parameters",),
                note="theirs is the opposite",
            ),
            Override(
                name="externalize-above", takes="SIZE", doc="keep weights of this size and more in an archive",
                key="tuning.externalize-above", read=optionvalues.size, apply=_tuned("externalize_above"),
                stage=Stage.IMPORT_MODEL, flags=("--parameters",),
            ),
            Override(
                name="opt-level", takes="LEVEL", doc="the compiler's optimisation level: O0, O1, O2 or O3",
                key="tuning.optimization-level", read=_level, apply=_tuned("opt_level", OPT_LEVEL),
                stage=Stage.COMPILATION, elsewhere=("TT_TORCH_OPTIMIZER",), flags=(OPT_LEVEL,),
            ),
            Override(
                name="compile-flags", takes="FLAGS", doc="more flags of the compiler, in one text, after all others",
                key="compile-flags", read=optionvalues.flags, apply=_with_flags, stage=Stage.COMPILATION,
                flags=("as they are",),
            ),
        )
    }
)  # fmt: skip


def settings_of(given: Mapping[str, str | None], environ: Mapping[str, str]) -> tuple[Setting, ...]:
    """What is set, in the table's order: by the command line (`given`, by name), else by the environment.

    An empty text is none, as of a workflow's input that was not given. Raises UsageError for a bad value, and for
    a variable that looks like one of ours and is none.
    """
    _check_names(environ)
    settings = []
    for name, row in OVERRIDES.items():
        text, variable = given.get(name), environ.get(row.variable, "")
        if text:
            row.read(row.option, text)
            settings.append(Setting(name, text, COMMAND_LINE))
        elif variable:
            row.read(row.variable, variable)
            settings.append(Setting(name, variable, ENVIRONMENT))
    return tuple(settings)


def pairs_of(text: str) -> dict[str, str]:
    """``opt-level=O3 E2ESHARD_SAVE_IR=true``, split as a shell would, by variable: a workflow's one input for all.

    Raises UsageError for what is no pair, an unknown or repeated name, an empty value, and the depth, which a workflow
    has an input of its own for.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--overrides: {error}", "close every quote") from None
    known = {name: row.variable for name, row in OVERRIDES.items() if name != "depth"}
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not value:
            raise UsageError(f"--overrides: {word!r} is no NAME=VALUE", "write opt-level=O3, pairs with blanks between")
        variable = known.get(name) or (name if name in known.values() else None)
        if variable is None:
            remedy = did_you_mean(name, [*known, *known.values()], f"there are {', '.join(known)}")
            raise UsageError(f"--overrides: no setting is called {name!r}", remedy)
        if variable in found:
            raise UsageError(f"--overrides: {name} is set twice", "set it once")
        found[variable] = value
    return found


def apply(case: Case, settings: tuple[Setting, ...]) -> Case:
    """The case with these settings, which it keeps beside those it has had from an earlier run."""
    for each in settings:
        row = OVERRIDES[each.name]
        case = row.apply(case, row.read(row.option, each.value))
    if not settings:
        return case
    names = {each.name for each in settings}
    before = tuple(each for each in case.settings if each.name not in names)
    return msgspec.structs.replace(case, settings=(*before, *settings))


def depth_of(settings: tuple[Setting, ...]) -> Depth | None:
    """The depth among them."""
    return next((Depth(each.value) for each in settings if each.name == "depth"), None)


def as_options(settings: tuple[Setting, ...]) -> list[str]:
    """The options of a command line that sets the same, whoever set it here."""
    return [f"--{each.name}={each.value}" for each in settings if each.name != "depth"]


def _check_names(environ: Mapping[str, str]) -> None:
    known = [*(row.variable for row in OVERRIDES.values()), *OTHER_VARIABLES]
    for name in sorted(environ):
        if name.startswith(_PREFIX) and not name.startswith(_TESTS) and name not in known:
            from suites.findings import close_names  # noqa: PLC0415 - only a mistake needs it

            close = close_names(name.removeprefix(_PREFIX), [each.removeprefix(_PREFIX) for each in known])
            meant = " or ".join(_PREFIX + each for each in close)
            remedy = f"did you mean {meant}?" if close else f"unset it; there are {', '.join(known)}"
            raise UsageError(f"the environment has {name}, which nothing reads", remedy)
