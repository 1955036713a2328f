"""Starts Triton from the wheel of PyTriton, on the CPU. Arguments: folder, HTTP port, gRPC port."""

import os
import sys
import sysconfig
from pathlib import Path

import pytriton

folder = Path(sys.argv[1])
http_port, grpc_port = sys.argv[2:4]
triton = Path(pytriton.__file__).parent / "tritonserver"
models = Path(__file__).parent / "triton_models"

ECHO = """
backend: "python"
input [
  { name: "x", data_type: TYPE_FP32, dims: [-1], optional: true },
  { name: "h", data_type: TYPE_FP16, dims: [-1], optional: true },
  { name: "t", data_type: TYPE_STRING, dims: [-1], optional: true }
]
output [
  { name: "x", data_type: TYPE_FP32, dims: [-1] },
  { name: "h", data_type: TYPE_FP16, dims: [-1] },
  { name: "t", data_type: TYPE_STRING, dims: [-1] }
]
parameters: { key: "mark", value: { string_value: "%s" } }
"""
STREAM = """
backend: "python"
model_transaction_policy { decoupled: true }
input [{ name: "text_input", data_type: TYPE_STRING, dims: [1] }]
output [{ name: "text_output", data_type: TYPE_STRING, dims: [1] }]
parameters: { key: "mark", value: { string_value: "%s" } }
"""

for kind, config in {"echo": ECHO, "stream": STREAM}.items():
    for mark in "ab":
        model = folder / "models" / f"{kind}-{mark}"
        (model / "1").mkdir(parents=True, exist_ok=True)
        (model / "config.pbtxt").write_text(config % mark)
        (model / "1" / "model.py").write_text((models / f"{kind}.py").read_text())

# The stub of the Python backend must lie beside it; the wheel has one for each version of Python.
backend = folder / "backends" / "python"
backend.mkdir(parents=True, exist_ok=True)
stubs = triton / "python_backend_stubs" / f"{sys.version_info.major}.{sys.version_info.minor}"
for file in [*(triton / "backends" / "python").iterdir(), *stubs.iterdir()]:
    if file.is_file() and not (backend / file.name).exists():
        (backend / file.name).symlink_to(file)

environment = {
    **os.environ,
    "VIRTUAL_ENV": sys.prefix,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR"),
    "PYTHONPATH": sysconfig.get_path("purelib"),
}
server = triton / "bin" / "tritonserver"
options = {
    "model-repository": folder / "models",
    "backend-directory": folder / "backends",
    "http-address": "127.0.0.1",
    "http-port": http_port,
    "grpc-address": "127.0.0.1",
    "grpc-port": grpc_port,
    "allow-metrics": "false",
    "log-info": "false",
    "exit-timeout-secs": "2",
}
os.execve(server, [str(server), "--disable-auto-complete-config", *(f"--{name}={value}" for name, value in options.items())], environment)
