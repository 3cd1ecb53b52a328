"""A failed inference becomes a lost device, and a lost device the reason why no further case is sent to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import msgspec

from runner.devices import Hindrance
from runner.infra import as_infra, failed_stage, words_of
from schemas.record import Record
from schemas.words import Outcome, Stage, StageStatus

#: What IREE's drivers print when the device itself is gone, not when a program on it went wrong: names of VkResult,
#: CUresult, hipError_t and IREE's own status code for it. The CPU's drivers have no device to lose.
_ANY = r"\bUNAVAILABLE;|\bdevice (?:was )?lost\b|\bdevice (?:was )?removed\b"
LOST: dict[str, re.Pattern[str]] = {
    "vulkan": re.compile(
        rf"VK_ERROR_DEVICE_LOST|VK_ERROR_INITIALIZATION_FAILED|VK_ERROR_INCOMPATIBLE_DRIVER|{_ANY}", re.IGNORECASE
    ),
    "hip": re.compile(
        rf"hipError(?:NoDevice|Deinitialized|NotInitialized|ECCNotCorrectable)|{_ANY}",
        re.IGNORECASE,
    ),
    "amdgpu": re.compile(rf"HSA_STATUS_ERROR_(?:FATAL|OUT_OF_RESOURCES|INVALID_AGENT)|{_ANY}", re.IGNORECASE),
    "cuda": re.compile(
        r"CUDA_ERROR_(?:NO_DEVICE|DEVICE_UNAVAILABLE|DEINITIALIZED|SYSTEM_NOT_READY|ECC_UNCORRECTABLE|"
        rf"NVLINK_UNCORRECTABLE|EXTERNAL_DEVICE|CONTAINED)|{_ANY}",
        re.IGNORECASE,
    ),
    "metal": re.compile(rf"DeviceRemoved|{_ANY}", re.IGNORECASE),
    "xrt": re.compile(_ANY, re.IGNORECASE),
    "xrt-lite": re.compile(_ANY, re.IGNORECASE),
}
#: So many cases one after the other that lose the device condemn it, also while it still answers.
_ENOUGH = 3
_SUSPECT = (Outcome.FAIL, Outcome.CRASH, Outcome.TIMEOUT)


class Loss(msgspec.Struct, frozen=True):
    """Where a device was lost, and in which words."""

    case: str
    why: str


class Quarantine:
    """One target's device. ``probe`` asks whether it is there, and says what is missing."""

    def __init__(self, device: str, probe: Callable[[], Hindrance | None]) -> None:
        self._device = device
        self._probe = probe
        self._pattern = LOST.get(device.partition("://")[0])
        self._in_a_row = 0
        self._loss: Loss | None = None

    def hinders(self, stages: Collection[Stage]) -> tuple[str, str] | None:
        """Why a case with these stages cannot be begun, as signature and words; None where it can."""
        if self._loss is None or Stage.COMPILED_INFERENCE not in stages:
            return None
        return self._signature, f"device {self._device} was lost in case {self._loss.case}: {self._loss.why}"

    def read(self, record: Record) -> Record:
        """The record; INFRA where the device was lost, which the next cases are then told by ``hinders``.

        A device that answers afterwards is not condemned, the case is what it seems: until several in a row lose it.
        """
        if self._pattern is None:
            return record
        failed = failed_stage(record)
        if failed is None or failed.stage is not Stage.COMPILED_INFERENCE or record.outcome not in _SUSPECT:
            if any(s.stage is Stage.COMPILED_INFERENCE and s.status is StageStatus.PASS for s in record.stages):
                self._in_a_row = 0
            return record
        if self._loss is not None:  # it was running while another case lost the device
            return as_infra(record, self._signature, f"lost in case {self._loss.case}: {self._loss.why}")
        match = self._pattern.search(words_of(record))
        if match is None and record.outcome is not Outcome.TIMEOUT:
            return record
        why = self._confirm(match[0].rstrip(";") if match else "")
        if not why:
            note = f"said {match[0].rstrip(';')}, but {self._device} answered afterwards" if match else ""
            return msgspec.structs.replace(record, notes=(*record.notes, note)) if note else record
        self._loss = Loss(record.case, why)
        return as_infra(record, self._signature, why)

    @property
    def _signature(self) -> str:
        return f"device {self._device} was lost"

    def _confirm(self, word: str) -> str:
        """Why the device counts as lost; empty when it does not. ``word``: what the case said of it, if anything."""
        self._in_a_row += bool(word)
        try:
            missing = self._probe()
        except OSError:  # the question could not be asked (a full disk): no answer speaks for the device
            return word
        if missing is not None:
            return ": ".join(filter(None, (word, missing.why)))
        if self._in_a_row >= _ENOUGH:
            return f"{word} in {self._in_a_row} cases one after the other, though it still answers"
        return ""
