"""The content hash of models of PyTorch and CatBoost, by stand-ins for their classes.

`tests/real_models.py` has the tests with these libraries themselves.
"""

import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from mlgates.runtime.identity import content_hash


class Tensor:
    """What is used of a tensor, on an array."""

    def __init__(self, values, layout="strided", quantized=False):
        self.values, self.layout, self.is_quantized = np.array(values), layout, quantized
        self.dtype, self.shape = f"torch.{self.values.dtype}", self.values.shape

    def __reduce__(self):
        raise AssertionError("tensors are never pickled")

    def detach(self):
        return self

    resolve_conj = resolve_neg = cpu = contiguous = detach

    def flatten(self):
        return Tensor(self.values.ravel())

    def view(self, kind):
        return Tensor(self.values.view(kind))

    def numpy(self):
        return self.values


Tensor.__module__ = "torch"


class Module:
    """What torch keeps of a module."""

    def __init__(self, weight, hook=None):
        self._parameters = {"weight": weight}
        self._forward_hooks = {} if hook is None else {hook: np.abs}
        self.training = True


Module.__module__, Module.__qualname__ = "torch.nn.modules.module", "Module"


class Net(Module):
    pass


@pytest.fixture
def _torch(monkeypatch):
    stand_in = ModuleType("torch")
    stand_in.strided, stand_in.uint8 = "strided", np.uint8
    monkeypatch.setitem(sys.modules, "torch", stand_in)


@pytest.mark.usefixtures("_torch")
def test_a_module_is_hashed_by_its_tensors():
    def of(*values, dtype=np.float32, **options):
        return content_hash(Net(Tensor(np.array(values, dtype)), **options))

    found = of(1, 2)
    assert len(found) == 64
    assert of(1, 2) == found
    others = {of(2, 1), of(1, 2, dtype=np.float64), of([1, 2]), of(1, 2, hook=3), found}
    assert len(others) == 5
    assert of(1, 2, hook=8) == of(1, 2, hook=3)


@pytest.mark.usefixtures("_torch")
@pytest.mark.parametrize("options", [{"layout": "sparse"}, {"quantized": True}], ids=str)
def test_a_tensor_with_more_than_its_bytes_has_no_hash(options):
    assert content_hash(Net(Tensor([1.0], **options))) is None


def test_a_subclass_of_a_tensor_has_no_hash():
    class Sharded(Tensor):
        pass

    assert content_hash(Sharded([1.0])) is None


def test_a_model_of_catboost_has_no_hash():
    class CatBoost:
        pass

    CatBoost.__module__, CatBoost.__qualname__ = "catboost.core", "CatBoost"
    assert content_hash(CatBoost()) is None


def test_no_library_is_imported_for_a_hash():
    code = (
        "import sys; from mlgates.runtime.identity import content_hash; content_hash({'a': 1});"
        "assert not {'torch', 'xgboost', 'lightgbm', 'catboost'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
