"""Devices by their names, and what is said of those that are not there."""

import pytest
import torch

from pdenet.device import device_named
from pdenet.errors import DeviceError


def test_a_device_is_known_by_its_name():
    assert device_named("cpu") == torch.device("cpu")
    assert device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta:x", "meta", ""])
def test_a_device_that_is_not_there_is_refused_in_one_line(name):
    with pytest.raises(DeviceError, match="use 'auto' or 'cpu'") as caught:
        device_named(name)
    assert "\n" not in str(caught.value) and repr(name) in str(caught.value)
