"""A small suites folder with one target of each kind: hosted, self-hosted with container and secrets, and very wide."""

from pathlib import Path

TARGETS = """\
targets:
  cpu:
    backend: llvm-cpu
    device: local-task
    runs-on: ubuntu-24.04
  lab:
    backend: llvm-cpu
    device: local-sync
    runs-on: [self-hosted, linux, lab]
    exclusive-device: true
    capacity: 4
    secrets: [HF_TOKEN, STORE_KEY]
    secrets-environment: hardware
    setup-packages: [libnuma1, mesa-vulkan-drivers]
    shard-timeout: 100m
    job-timeout: 2h
    container:
      image: registry.example/driver@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
      options: --device=/dev/kfd --device=/dev/dri
      volumes: ["/data:/data"]
  wide:
    backend: vmvx
    device: local-sync
    runs-on: ubuntu-24.04
    jobs: 1
    setup-time: 60s
    shard-budget: 66s
    capacity: 20
"""

PRESUBMIT = """\
suite: presubmit
description: Fast cases, also on pull requests
pull-request: true
depth: execute
targets: [cpu]
models:
  - name: onnx/node/test_a*
"""

NIGHTLY = """\
suite: nightly
description: Everything, every night
schedule: "17 2 * * *"
depth: compile
targets: [cpu, lab, wide]
models:
  - name: onnx/node/*
"""

#: Models in no list are findings unless excused.
EXCUSED = """\
excused:
  - name: onnx/*
    reason: a fixture needs few models
"""


def make(folder: Path) -> Path:
    """Writes the folder's files; returns it."""
    folder.mkdir(parents=True)
    files = {"targets.yaml": TARGETS, "presubmit.yaml": PRESUBMIT, "nightly.yaml": NIGHTLY, "excused.yaml": EXCUSED}
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder
