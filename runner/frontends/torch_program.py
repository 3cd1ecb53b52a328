"""A PyTorch module with its arguments becomes an exported program, and that a module of MLIR with the entry `main`.

The seams of the PyTorch paths: whoever has a program of their own making (training, say) gives it to `decomposed` and
`import_program`; whoever keeps weights outside of the module gives `import_program` its `Weights`.
"""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
import torch
from iree.compiler.extras.fx_importer import FxImporter, FxImporterHooks
from torch.export import ExportedProgram
from torch.export.graph_signature import OutputKind, OutputSpec, TensorArgument

from runner.frontends.mlir import context, entry_point
from runner.frontends.torch_decompositions import decomposition_table
from runner.work import Imported

ENTRY = "main"
#: Of the modules of a model that was imported in pieces.
ENTRY_OF_GRAPH = "g{}"
_MUTATIONS = (OutputKind.USER_INPUT_MUTATION, OutputKind.BUFFER_MUTATION, OutputKind.PARAMETER_MUTATION)


class Weights(Protocol):
    """Where the parameters and buffers of one program go, instead of into the module itself."""

    @property
    def hooks(self) -> FxImporterHooks:
        """What the importer asks for the value of each parameter, buffer and constant."""

    def finish(self) -> tuple[str, pathlib.Path] | None:
        """Called once the module is imported: the archive's scope and file, as `Imported.parameters` holds them."""


def export_program(
    model: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None
) -> ExportedProgram:
    """`torch.export` without strictness or gradients, then the decompositions that the compiler's front end wants.

    The program's inputs are the tensors among the arguments, in the order of `torch.utils._pytree`. Raises whatever
    torch.export raises of a model that it cannot take whole.
    """
    return decomposed(exported(model, args, kwargs))


def exported(model: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> ExportedProgram:
    """The first half of `export_program`: a model that torch.export does not take raises here."""
    with torch.no_grad():
        return torch.export.export(model, tuple(args), dict(kwargs or {}), strict=False)


def decomposed(program: ExportedProgram) -> ExportedProgram:
    """The program in the operators that torch-mlir lowers."""
    _views_may_copy(program)
    with warnings.catch_warnings():
        # PyTorch's own code does what it warns of, when it copies a program.
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        made: ExportedProgram = program.run_decompositions(decomposition_table())
        return made


def _views_may_copy(program: ExportedProgram) -> None:
    """Make every `view` a `reshape`, which is the same where a view is possible.

    Decomposed attention lays out its result otherwise than the operator did, and a `view` that the model takes of it
    may then be impossible (GPT-2 with two sequences).
    """
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.find_nodes(op="call_function", target=torch.ops.aten.view.default):
                node.target = torch.ops.aten.reshape.default
            module.recompile()


def import_program(
    program: ExportedProgram, folder: pathlib.Path, weights: Weights | None = None, name: str = ENTRY
) -> Imported:
    """Write `<name>.mlirbc` into `folder`, whose function `name` takes and returns the program's tensors.

    Results are the user's tensor outputs in their order; what the program does to its inputs and buffers is no output
    (`outputs_only` is called here). Without `weights` they are part of the module.
    """
    outputs_only(program)
    return import_as_it_is(program, folder, weights, name)


def import_as_it_is(program: ExportedProgram, folder: pathlib.Path, weights: Weights | None, name: str) -> Imported:
    """The second half of `import_program`: whatever the program's outputs are, the module has them."""
    importer = FxImporter(context=context(), hooks=None if weights is None else weights.hooks)
    importer.import_program(program, func_name=name)
    importer.module.operation.verify()
    file = folder / f"{name}.mlirbc"
    with file.open("wb") as stream:
        importer.module.operation.write_bytecode(stream)
    kept = None if weights is None else weights.finish()
    return Imported(file, entry_point(importer.module), kept)


class Mutated(msgspec.Struct, frozen=True):
    """The name of a program's input that it changes, and the name of the value it then has."""

    input: str
    value: str


def outputs_only(program: ExportedProgram, *, mutated_inputs: bool = False) -> tuple[Mutated, ...]:
    """Take from the program's outputs all but the user's tensors; with `mutated_inputs`, new values of inputs follow.

    Functional programs return what they would have written into inputs and buffers. Returns the inputs whose new values
    are among the outputs now.
    """
    specs: list[OutputSpec] = list(program.graph_signature.output_specs)
    kept = [each for each in specs if each.kind not in _MUTATIONS and isinstance(each.arg, TensorArgument)]
    changed = [each for each in specs if each.kind is OutputKind.USER_INPUT_MUTATION] if mutated_inputs else []
    kept += [OutputSpec(OutputKind.USER_OUTPUT, each.arg, None) for each in changed]
    program.graph_signature.output_specs[:] = kept
    nodes = {node.name: node for node in program.graph.nodes}
    (output,) = program.graph.find_nodes(op="output")
    output.args = (tuple(nodes[each.arg.name] for each in kept),)
    program.graph.eliminate_dead_code()
    return tuple(Mutated(str(each.target), each.arg.name) for each in changed)
