"""Starts MLflow's scoring server with a scikit-learn model. Arguments: folder, port, strength of the model."""

import os
import sys
from pathlib import Path

import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

folder = Path(sys.argv[1])
port = sys.argv[2]
strength = float(sys.argv[3])

samples, labels = load_iris(return_X_y=True, as_frame=True)
model = LogisticRegression(C=strength, max_iter=1000).fit(samples, labels)
mlflow.sklearn.save_model(
    model, folder / "model", pyfunc_predict_fn="predict_proba", signature=infer_signature(samples, model.predict_proba(samples))
)
arguments = ["models", "serve", "--env-manager", "local", "-m", str(folder / "model"), "-h", "127.0.0.1", "-p", port]
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
os.execv(Path(sys.executable).parent / "mlflow", ["mlflow", *arguments, "--workers", "1"])
