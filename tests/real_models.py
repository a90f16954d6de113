"""The content hash of models of PyTorch, XGBoost, LightGBM and CatBoost: the session `models`."""

import pickle

import numpy as np
import pytest
import torch
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from torch import nn
from xgboost import XGBClassifier

import mlgates as mg
from mlgates.runtime.identity import content_hash

X = np.random.default_rng(0).normal(size=(200, 3))
Y = (X[:, 0] > 0).astype(int)


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2).bfloat16()
        self.register_buffer("counts", torch.ones(2, dtype=torch.complex64).conj())
        self.kind, self.shape = torch.float32, torch.Size([1, 2])
        self.device, self.activation = torch.device("cpu"), nn.functional.gelu


def networks():
    """Return functions that make a module."""

    def hooked():
        module = nn.Linear(3, 2)
        module.register_forward_pre_hook(print)
        return module

    return [
        Mixed,
        hooked,
        lambda: nn.Linear(3, 2),
        lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1)),
        lambda: nn.LSTM(3, 4, 2),
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2),
    ]


@pytest.mark.parametrize("place", range(6))
def test_equal_networks_have_equal_hashes(place):
    def made():
        torch.manual_seed(0)
        return networks()[place]()

    module = made()
    found = content_hash(module)
    assert found is not None
    assert content_hash(made()) == found
    assert content_hash(pickle.loads(pickle.dumps(module))) == found
    weight = next(module.parameters())
    with torch.no_grad():
        weight.view(-1)[0] += 1
    assert content_hash(module) != found
    with torch.no_grad():
        weight.copy_(next(made().parameters()))
    assert content_hash(module) == found
    assert content_hash(module.eval()) != found


def test_networks_that_compute_differently_have_different_hashes():
    assert content_hash(nn.Dropout(0.1)) != content_hash(nn.Dropout(0.2))
    assert content_hash(nn.ReLU()) != content_hash(nn.Tanh())


def test_networks_that_pickle_in_their_own_way_have_no_hash():
    for module in (
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)),
        torch.jit.script(nn.Linear(3, 2)),
        torch.fx.symbolic_trace(nn.Linear(3, 2)),
        torch.compile(nn.Linear(3, 2)),
        nn.Linear(3, 2, device="meta"),
        torch.eye(3).to_sparse(),
        torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    ):
        assert content_hash(module) is None


class Served:
    def __init__(self, net):
        self.net = net

    def predict(self, rows):
        return (self.net(torch.tensor(np.asarray(rows), dtype=torch.float32)) > 0.5).numpy()[:, 0]


def test_a_report_has_the_hash_of_a_network():
    net = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()).eval()
    report = mg.GateSuite([mg.Performance("accuracy", at_least=0)]).run(
        X=X, y_true=Y, model=Served(net)
    )
    assert report.passed
    assert report.provenance["models"]["model"]["sha256"] == content_hash(Served(net))


def xgboost(rounds):
    return XGBClassifier(n_estimators=rounds, random_state=0).fit(X, Y)


def lightgbm(rounds):
    return LGBMClassifier(n_estimators=rounds, random_state=0, verbose=-1).fit(X, Y)


@pytest.mark.parametrize("make", [xgboost, lightgbm])
def test_equal_boosted_trees_have_equal_hashes(make):
    model = make(3)
    found = content_hash(model)
    assert found is not None
    assert content_hash(make(3)) == found
    assert content_hash(pickle.loads(pickle.dumps(model))) == found
    model.predict(X)
    assert content_hash(model) == found
    assert content_hash(make(4)) != found


def test_a_model_of_catboost_has_no_hash():
    options = {"iterations": 2, "verbose": 0, "allow_writing_files": False}
    assert content_hash(CatBoostClassifier(**options).fit(X, Y)) is None
