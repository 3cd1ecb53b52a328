"""Every backend, one row each: the compiler flags that select it, and the runtime driver and device its code needs."""

from __future__ import annotations

from types import MappingProxyType

import msgspec

from schemas.target import Target

_LOCAL = "--iree-hal-target-device=local"
_LOCAL_BACKENDS = "--iree-hal-local-target-device-backends"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How a driver is told where to keep the device's code that it makes, and to use none that it has kept.

    Sources: https://docs.mesa3d.org/envvars.html; "Specifying OpenGL Environment Variable Settings" in the README of
    NVIDIA's driver; "CUDA Environment Variables" in CUDA's programming guide.
    """

    variable: str  # names the folder
    folder: str  # in the store
    unused: tuple[str, str]  # a variable and its value
    layout: tuple[tuple[str, str], ...] = ()  # likewise, so that what two machines kept can lie in one folder


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """What a target's ``backend`` stands for."""

    compiler: str  # its name in `iree-compile --iree-hal-list-target-backends`
    flags: tuple[str, ...]  # what makes the compiler generate code for it
    chip_flag: str = ""  # the flag that takes the target's `chip`
    drivers: tuple[str, ...]  # the runtime's drivers that can run its code
    remedy: str  # how a machine gets the driver and a device
    chip_line: str = ""  # where the runtime's description of a device names its chip
    kept: tuple[Kept, ...] = ()  # of drivers that compile once more what the compiler made
    plugin: str = ""  # the plug-in that adds it, where released compilers do not have it

    def select(self, target: Target) -> tuple[str, ...]:
        """The compiler flags for one target."""
        chip = (f"{self.chip_flag}={target.chip}",) if self.chip_flag and target.chip else ()
        return (*self.flags, *chip)


#: From ``Target.backend`` to what it means. A further backend is one row here and its name in ``suites.keys.BACKENDS``.
BACKENDS = MappingProxyType(
    {
        "llvm-cpu": Backend(
            compiler="llvm-cpu",
            flags=(_LOCAL, f"{_LOCAL_BACKENDS}=llvm-cpu"),
            chip_flag="--iree-llvmcpu-target-cpu",
            drivers=("local-task", "local-sync"),
            remedy="use a runtime that was built with the driver",
        ),
        "vmvx": Backend(
            compiler="vmvx",
            flags=(_LOCAL, f"{_LOCAL_BACKENDS}=vmvx"),
            drivers=("local-task", "local-sync"),
            remedy="use a runtime that was built with the driver",
        ),
        "vulkan-spirv": Backend(
            compiler="vulkan-spirv",
            flags=("--iree-hal-target-device=vulkan",),
            chip_flag="--iree-vulkan-target",
            drivers=("vulkan",),
            kept=(
                Kept(
                    variable="MESA_SHADER_CACHE_DIR",
                    folder="mesa",
                    unused=("MESA_SHADER_CACHE_DISABLE", "true"),
                    layout=(("MESA_DISK_CACHE_MULTI_FILE", "true"),),  # a file a kernel, also where that is no default
                ),
                Kept(variable="__GL_SHADER_DISK_CACHE_PATH", folder="nvidia", unused=("__GL_SHADER_DISK_CACHE", "0")),
            ),
            remedy="install the vendor's Vulkan driver, or mesa-vulkan-drivers (Debian) which also runs on the CPU; a "
            "driver elsewhere is found through VK_DRIVER_FILES=/path/to/icd.json",
        ),
        "rocm": Backend(
            compiler="rocm",
            flags=("--iree-hal-target-device=hip",),
            chip_flag="--iree-rocm-target",
            drivers=("hip",),
            remedy="use a machine with an AMD GPU, the amdgpu kernel driver and ROCm's libamdhip64.so; in a container "
            "give `options: --device=/dev/kfd --device=/dev/dri`",
            chip_line="gpu-arch-name",
        ),
        "cuda": Backend(
            compiler="cuda",
            flags=("--iree-hal-target-device=cuda",),
            chip_flag="--iree-cuda-target",
            drivers=("cuda",),
            kept=(Kept(variable="CUDA_CACHE_PATH", folder="cuda", unused=("CUDA_CACHE_DISABLE", "1")),),
            remedy="use a machine with an NVIDIA GPU and its driver (libcuda.so); in a container give "
            "`options: --gpus all`",
        ),
        "metal-spirv": Backend(
            compiler="metal-spirv",
            flags=("--iree-hal-target-device=metal",),
            drivers=("metal",),
            remedy="use a Mac with a GPU and a runtime built for macOS, or a suite of the depth compile",
        ),
        "amd-aie": Backend(
            compiler="amd-aie",
            flags=("--iree-hal-target-backends=amd-aie",),
            chip_flag="--iree-amdaie-target-device",
            drivers=("xrt-lite", "xrt", "amdxdna"),
            remedy="use a machine with a Ryzen AI NPU, the amdxdna kernel driver, and a runtime built with "
            "-DIREE_EXTERNAL_HAL_DRIVERS=xrt-lite",
            plugin="nod-ai/iree-amd-aie",
        ),
    }
)
