"""What is tested: targets, manifests, expectations, durations and the loader that turns them into cases.

`suites.workspace.load` reads a whole folder and returns every suite's cases, or every finding at once.
Nothing here imports onnx, numpy, iree or torch: the generator and the shard process stay light.
"""
