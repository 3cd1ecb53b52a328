"""THE RUN: one shard becomes one record a case. Importing this package loads no torch, onnx, iree or openpyxl."""
