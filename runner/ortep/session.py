"""A plug-in library and a model become a session whose every node runs on the plug-in; ONNX Runtime is loaded here."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnxruntime as ort

from runner.ort_values import from_ort, to_ort
from runner.ortep.assignment import prove
from runner.ortep.library import PROVIDER
from runner.ortep.messages import Assigned
from runner.tensors import Array
from schemas.errors import InfraError

_RECORD = "session.record_ep_graph_assignment_info"
_NO_FALLBACK = "session.disable_cpu_ep_fallback"
#: How ONNX Runtime words a session that `_NO_FALLBACK` forbids.
_FELL_BACK = "fallback to CPU EP has been explicitly disabled"
_DRIVER, _PATH = "iree.driver", "iree.device_path"  # keys of the metadata that the plug-in gives its devices
_LOADED = (
    "name a library that was built from github.com/iree-org/onnxruntime-ep-iree for this machine and for ONNX Runtime "
    f"{ort.__version__} (docs/ort-ep.md)"
)

Report = Callable[[str], None]


def register(library: pathlib.Path) -> None:
    """Load the library into this process; raises InfraError where it is no execution provider for this ONNX Runtime."""
    if not hasattr(ort, "register_execution_provider_library"):
        raise InfraError(
            f"ONNX Runtime {ort.__version__} knows no plug-in execution providers", "install onnxruntime 1.24 or newer"
        )
    try:
        ort.register_execution_provider_library(PROVIDER, str(library))
    except Exception as error:
        raise InfraError(
            f"{library.name} is no execution provider that can be loaded: {_words(error)}", _LOADED
        ) from error


def device_of(uri: str, library: str) -> Any:
    """The plug-in's device that an IREE device URI means; raises InfraError naming those that it offers instead."""
    driver, _, path = uri.partition("://")
    offered = [each for each in ort.get_ep_devices() if each.ep_name == PROVIDER]
    of_driver = [each for each in offered if each.device.metadata.get(_DRIVER) == driver]
    for number, each in enumerate(of_driver):
        if path in ("", str(number), each.device.metadata.get(_PATH)):
            return each
    there = ", ".join(uri_of(each) for each in offered) or "none"
    raise InfraError(
        f"{library} offers no device {uri}: it offers {there}",
        "build it with the driver's option (IREE_HAL_DRIVER_…), or run where such a device is",
    )


def uri_of(device: Any) -> str:
    """``hip://0``: a plug-in's device as IREE would call it."""
    return f"{device.device.metadata.get(_DRIVER, '?')}://{device.device.metadata.get(_PATH, '')}"


def open_session(
    model: pathlib.Path, device: Any, options: Mapping[str, str], doing: Report
) -> tuple[Any, list[Assigned]]:
    """A session of the model, and who has which nodes: proved to be the plug-in alone.

    ONNX Runtime itself is told to refuse a fallback to the CPU, and its own word on the assignment is checked. It
    rewrites nothing before: what it folded on the CPU would never reach the plug-in. Raises StageFailure for nodes that
    are not the plug-in's, and ONNX Runtime's own exceptions.
    """
    doing("creating the session")
    try:
        session = _session(model, device, options, {_RECORD: "1", _NO_FALLBACK: "1"})
    except Exception as error:
        if _FELL_BACK not in str(error):
            raise
        doing("asking which nodes fall back to the CPU")  # a refused session does not tell
        assigned = assignment(_session(model, device, options, {_RECORD: "1"}))
        prove(assigned)
        raise  # it names nobody although it was refused
    assigned = assignment(session)
    prove(assigned)
    return session, assigned


def _session(model: pathlib.Path, device: Any, provider: Mapping[str, str], entries: Mapping[str, str]) -> Any:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    options.add_provider_for_devices([device], dict(provider))
    return ort.InferenceSession(str(model), options)


def assignment(session: Any) -> list[Assigned]:
    """What ONNX Runtime recorded of who took which nodes; the session must have been created with the recording on."""
    told = []
    for subgraph in session.get_provider_graph_assignment_info():
        nodes = subgraph.get_nodes()
        told.append(
            Assigned(
                subgraph.ep_name,
                tuple(f"{each.domain}::{each.op_type}" if each.domain else each.op_type for each in nodes),
                tuple(each.name for each in nodes),
            )
        )
    return told


def run(session: Any, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """All outputs of one run, in the model's order; inputs in the order of the session's."""
    names = [each.name for each in session.get_inputs()]
    if len(names) != len(inputs):
        msg = f"the session takes {len(names)} inputs ({', '.join(names)}), and {len(inputs)} were made"
        raise ValueError(msg)
    given = {name: to_ort(value, ort.OrtValue) for name, value in zip(names, inputs, strict=True)}
    return tuple(from_ort(value) for value in session.run_with_ort_values(None, given))


def _words(error: Exception) -> str:
    """ONNX Runtime's message without its prefix ``[ONNXRuntimeError] : 1 : FAIL : ``."""
    return str(error).rpartition(" : ")[2].strip()
