"""Starts MLServer with two scikit-learn models and two of our own. Arguments: folder, HTTP port, gRPC port, metrics port."""

import json
import os
import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

folder = Path(sys.argv[1])
http_port, grpc_port, metrics_port = (int(port) for port in sys.argv[2:5])


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


samples, labels = load_iris(return_X_y=True)
# The two differ in every probability, so an answer says whose it is.
for name, strength in {"iris-a": 1.0, "iris-b": 0.01}.items():
    write_json(
        folder / name / "model-settings.json",
        {
            "name": name,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "inputs": [{"name": "predict", "datatype": "FP64", "shape": [-1, 4]}],
            "outputs": [{"name": "predict", "datatype": "INT64", "shape": [-1]}],
            "parameters": {"uri": "./model.joblib", "version": "1"},
        },
    )
    joblib.dump(LogisticRegression(C=strength, max_iter=1000).fit(samples, labels), folder / name / "model.joblib")
for name in ("text-a", "text-b"):
    write_json(
        folder / name / "model-settings.json",
        {"name": name, "implementation": "mlserver_text.TextModel", "parameters": {"extra": {"mark": name[-1]}}},
    )
write_json(
    folder / "settings.json",
    {
        "host": "127.0.0.1",
        "http_port": http_port,
        "grpc_port": grpc_port,
        "grpc_max_message_length": 64 << 20,
        "metrics_port": metrics_port,
        "metrics_dir": str(folder / "metrics"),
        "environments_dir": str(folder / "environments"),
        "parallel_workers": 0,
        # Streams and gzip exclude each other in MLServer.
        "gzip_enabled": False,
        "debug": False,
    },
)
os.environ["PYTHONPATH"] = str(Path(__file__).parent)
os.execv(Path(sys.executable).parent / "mlserver", ["mlserver", "start", str(folder)])
