"""`pdenet equations`: the catalogue, as a list."""

from __future__ import annotations

from pdenet.cli.console import print_json, print_text
from pdenet.pde.catalogue import catalogue

__all__ = ["work"]


def work(as_json: bool) -> None:
    """List the named equations."""
    if as_json:
        print_json(
            {
                name: {
                    "title": entry.title,
                    "equations": list(entry.pde.equations()),
                    "parameters": dict(entry.pde.parameters),
                    "reference": entry.reference,
                }
                for name, entry in catalogue.items()
            }
        )
        return
    for name, entry in catalogue.items():
        values = ", ".join(f"{key} = {value:g}" for key, value in entry.pde.parameters.items())
        print_text(f"{name}: {entry.title}" + (f" ({values})" if values else ""))
        for line in entry.pde.unicode().splitlines():
            print_text(f"    {line}")
