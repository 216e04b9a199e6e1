"""A Run of our own for heavy models of vectors: products of rows with weights that may be kept as float16.

onnxruntime reads 4 bytes a weight and frame, more than a processor's cache holds, and takes 1-2 µs a node. Here a
graph whose tensors are one row a lane (:mod:`..one_call.rows`) is a list of steps (:mod:`.program`), walked by one
compiled function with the signature of OrtApi::Run (:mod:`.kernels`); whatever else there is stays onnxruntime's.
"""
