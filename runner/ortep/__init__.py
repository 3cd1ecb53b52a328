"""The path `ort-ep`: an ONNX model becomes outputs through ONNX Runtime with IREE's plug-in execution provider."""
