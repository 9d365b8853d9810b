"""Trains the network and writes model.onnx, metrics.json and samples/.

    python3 -m venv /tmp/train && /tmp/train/bin/pip install -r requirements-train.txt
    /tmp/train/bin/python train.py

The data are part of scikit-learn, so the script downloads nothing. Every random choice has a seed. The same versions on
the same kind of processor write the same files again.
"""

import csv
import hashlib
import json
import os
from pathlib import Path

# This must come before the import of onnxruntime, which from 1.29 sends telemetry to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split

HERE = Path(__file__).resolve().parent
SEED = 7
HELD_OUT_SHARE = 0.25
HIDDEN_UNITS = 16
# These had the lowest log loss in cross-validation on the training rows, among 30, 60 and 100 epochs and decays of
# 0.1, 1 and 3.
EPOCHS = 60
WEIGHT_DECAY = 1.0
# A missed cancer is worse than a second look at a healthy patient. A share of 98 % would flag a tenth of the healthy
# patients.
SENSITIVITY_WANTED = 0.97
SAMPLE_ROWS = 20

# The oldest onnxruntime in requirements.txt reads these versions, and the network needs no newer ones.
OPSET = 13
IR_VERSION = 8


def main():
    columns, ids, features, malignant = load()
    training, held_out = train_test_split(
        np.arange(len(features)), test_size=HELD_OUT_SHARE, stratify=malignant, random_state=SEED
    )

    # The threshold comes from training rows only. The probability of each row comes from a network that was trained
    # without it.
    threshold = choose_threshold(
        out_of_fold_probabilities(features[training], malignant[training]), malignant[training]
    )
    network = train(features[training], malignant[training])
    write_onnx(network, columns, features[training], threshold)

    # The metrics are those of model.onnx, not of the network in memory.
    probabilities = run_onnx(features[held_out])
    with torch.no_grad():
        difference = np.abs(probabilities - network(torch.tensor(features[held_out])).numpy()).max()
    assert difference < 1e-5, f"model.onnx differs from the trained network by {difference}"

    metrics = measure(probabilities, malignant[held_out], threshold, len(training))
    (HERE / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    write_samples(columns, ids, features, malignant, held_out)
    print(json.dumps(metrics, indent=2))


def load():
    data = load_breast_cancer()
    columns = [column_name(name) for name in data.feature_names]
    ids = [f"wdbc-{index + 1:03d}" for index in range(len(data.data))]
    # scikit-learn's target is 1 for benign. Here 1 is malignant, because the network detects malignant masses.
    malignant = (data.target == list(data.target_names).index("malignant")).astype(np.float32)
    return columns, ids, data.data.astype(np.float32), malignant


def column_name(name):
    """'mean radius' → radius_mean, 'radius error' → radius_se, 'worst radius' → radius_worst."""
    words = name.split()
    if words[0] in ("mean", "worst"):
        return "_".join([*words[1:], words[0]])
    assert words[-1] == "error", name
    return "_".join([*words[:-1], "se"])


class Network(torch.nn.Module):
    """Accepts raw measurements. The standardisation is part of the network, so no caller has to repeat it."""

    def __init__(self, mean, deviation):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))
        self.hidden = torch.nn.Linear(len(mean), HIDDEN_UNITS)
        self.output = torch.nn.Linear(HIDDEN_UNITS, 1)

    def logits(self, measurements):
        standardised = (measurements - self.mean) / self.deviation
        return self.output(torch.relu(self.hidden(standardised))).squeeze(1)

    def forward(self, measurements):
        return torch.sigmoid(self.logits(measurements))


def train(features, malignant):
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    network = Network(features.mean(axis=0), features.std(axis=0))
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=WEIGHT_DECAY)
    inputs, targets = torch.tensor(features), torch.tensor(malignant)
    for _ in range(EPOCHS):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(network.logits(inputs), targets).backward()
        optimiser.step()
    return network.eval()


def out_of_fold_probabilities(features, malignant):
    probabilities = np.empty(len(features))
    folds = StratifiedKFold(n_splits=5, shuffle=True, random_state=SEED)
    for learned, judged in folds.split(features, malignant):
        network = train(features[learned], malignant[learned])
        with torch.no_grad():
            probabilities[judged] = network(torch.tensor(features[judged])).numpy()
    return probabilities


def choose_threshold(probabilities, malignant):
    """Returns the highest whole percentage that still finds the wanted share of malignant rows."""
    for percent in range(50, 0, -1):
        found = probabilities[malignant == 1] >= percent / 100
        if found.mean() >= SENSITIVITY_WANTED:
            return percent / 100
    raise AssertionError(f"no threshold reaches a sensitivity of {SENSITIVITY_WANTED}")


def write_onnx(network, columns, training_features, threshold):
    """Builds the graph by hand: it is small, needs no exporter, and this file chooses the format's version."""
    weights = {
        "mean": network.mean,
        "deviation": network.deviation,
        "hidden_weight": network.hidden.weight,
        "hidden_bias": network.hidden.bias,
        "output_weight": network.output.weight,
        "output_bias": network.output.bias,
    }
    initializers = [numpy_helper.from_array(tensor.detach().numpy(), name) for name, tensor in weights.items()]
    initializers.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "column_axis"))
    nodes = [
        helper.make_node("Sub", ["measurements", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "deviation"], ["standardised"]),
        helper.make_node("Gemm", ["standardised", "hidden_weight", "hidden_bias"], ["hidden_sum"], transB=1),
        helper.make_node("Relu", ["hidden_sum"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "output_weight", "output_bias"], ["logit_column"], transB=1),
        helper.make_node("Squeeze", ["logit_column", "column_axis"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability_malignant"]),
    ]
    graph = helper.make_graph(
        nodes,
        "breast-cancer",
        [helper.make_tensor_value_info("measurements", TensorProto.FLOAT, ["rows", len(columns)])],
        [helper.make_tensor_value_info("probability_malignant", TensorProto.FLOAT, ["rows"])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    # The settings of predict.py are stored with the weights, so that the two always agree.
    helper.set_model_props(
        model,
        {
            "columns": json.dumps(columns),
            "threshold": json.dumps(threshold),
            "trainingMinimum": json.dumps(training_features.min(axis=0).tolist()),
            "trainingMaximum": json.dumps(training_features.max(axis=0).tolist()),
        },
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(HERE / "model.onnx"))


def run_onnx(features):
    session = onnxruntime.InferenceSession(str(HERE / "model.onnx"), providers=["CPUExecutionProvider"])
    return session.run(["probability_malignant"], {"measurements": features})[0]


def measure(probabilities, malignant, threshold, training_rows):
    called_malignant = probabilities >= threshold
    is_malignant = malignant == 1
    return {
        "trainingRows": training_rows,
        "heldOutRows": len(malignant),
        "heldOutMalignant": int(is_malignant.sum()),
        "threshold": threshold,
        "accuracy": round(float((called_malignant == is_malignant).mean()), 6),
        "rocAuc": round(float(roc_auc_score(malignant, probabilities)), 6),
        "sensitivity": round(float(called_malignant[is_malignant].mean()), 6),
        "specificity": round(float((~called_malignant[~is_malignant]).mean()), 6),
        "modelSha256": hashlib.sha256((HERE / "model.onnx").read_bytes()).hexdigest(),
    }


def write_samples(columns, ids, features, malignant, held_out):
    """Writes the diagnoses to a separate file, so that an uploaded file never contains the answer."""
    samples = HERE / "samples"
    samples.mkdir(exist_ok=True)
    rows = [[ids[index], *(f"{value:.7g}" for value in features[index])] for index in held_out]
    write_csv(samples / "holdout.csv", ["id", *columns], rows)
    write_csv(samples / "patients.csv", ["id", *columns], rows[:SAMPLE_ROWS])
    diagnoses = [[ids[index], "malignant" if malignant[index] else "benign"] for index in held_out]
    write_csv(samples / "holdout-diagnosis.csv", ["id", "diagnosis"], diagnoses)


def write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    main()
