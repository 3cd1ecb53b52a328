"""The authoring face - what a model file derives from - and, below `onnx/`, the model files themselves.

Each `.py` file below `onnx/` is one model of the catalogue, or one a variant; docs/models.md tells how to write one.
"""
