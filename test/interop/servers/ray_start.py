"""Starts Ray Serve with two apps, over HTTP and gRPC. Arguments: folder, HTTP port, gRPC port."""

import os
import signal
import sys
from pathlib import Path

folder, http_port, grpc_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_SERVE_LOG_TO_STDERR": "0", "RAY_DEDUP_LOGS": "0"}
# The workers of Ray import this folder's modules.
os.environ["PYTHONPATH"] = str(Path(__file__).parent)

import ray  # noqa: E402
from ray import serve  # noqa: E402
from ray.serve.config import HTTPOptions, gRPCOptions  # noqa: E402

from ray_app import Scorer  # noqa: E402

if __name__ == "__main__":
    ray.init(num_cpus=1, include_dashboard=False, object_store_memory=80 << 20, _temp_dir=folder, _node_ip_address="127.0.0.1")
    serve.start(
        http_options=HTTPOptions(host="127.0.0.1", port=http_port),
        grpc_options=gRPCOptions(port=grpc_port, grpc_servicer_functions=["ray_messages.add_scorer_to_server"]),
    )
    for mark, scale in {"a": 2, "b": 3}.items():
        serve.run(Scorer.bind(scale), name=f"app-{mark}", route_prefix=f"/app-{mark}")
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    ray.shutdown()
