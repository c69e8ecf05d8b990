"""Where tensors live: a device by its name, for whoever simulates, trains or refines."""

from __future__ import annotations

import torch

from pdenet.errors import DeviceError

__all__ = ["device_named"]


def device_named(name: str) -> torch.device:
    """The device of that name, such as "cpu" or "cuda:1"; "auto" is a GPU where there is one.

    Raises DeviceError for a name that means nothing, or a device that this machine does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # some are missed only when they are used
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise DeviceError(
            f"there is no device {name!r} here ({str(error).splitlines()[0]}): use 'auto' or 'cpu'"
        ) from error
    return device
