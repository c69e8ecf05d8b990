"""From weights to terms: the polynomial that a SymNet is, and the SymNet that a polynomial is.

`expand` multiplies the products of the network out, in exact arithmetic on coefficients, and undoes
the scales of inputs and outputs: the result is in physical units. A network of k units is a
polynomial of degree up to 2ᵏ; the degree of the expansion is bounded, which leaves the terms below
it exact (higher ones never flow down). Function units become terms such as c·sin(w·u + b), with
arguments that are exact up to the degree.

`assign` is the way back: it sets the weights so that the network is a given PDE.

Reference: Long, Lu, Dong, "PDE-Net 2.0", J. Comput. Phys. 399 (2019) 108925, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy
import torch
from torch import Tensor

from pdenet.errors import DiscoveryError
from pdenet.library.polynomial import Monomials, degree_within, monomials
from pdenet.model import PDENet
from pdenet.nn import SymNet
from pdenet.nn.symnet import FUNCTIONS
from pdenet.pde import PDE
from pdenet.pde.expression import Monomial
from pdenet.pde.jet import AXES, Jet
from pdenet.pde.monomial import jet_powers
from pdenet.readout.functions import FunctionTerm, affine_function

__all__ = ["Expansion", "assign", "expand", "expansion"]

MOST_MONOMIALS = 2000


@dataclass(frozen=True, eq=False)
class Expansion:
    """Polynomials in the jets, one for each field, in physical units.

    jets: the variables. powers: (term, variable). coefficients: (field, term). degree: up to
    which every term is exact. functions: what the function units add to the polynomials.
    """

    fields: tuple[str, ...]
    jets: tuple[Jet, ...]
    powers: np.ndarray
    coefficients: np.ndarray
    degree: int
    functions: tuple[FunctionTerm, ...] = ()

    def monomial(self, term: int) -> Monomial:
        """The monomial of one term, as PDEs hold it."""
        powers = self.powers[term].tolist()
        return sympy.Mul(*(self.jets[v].symbol ** p for v, p in enumerate(powers) if p))

    def pde(
        self, keep: np.ndarray | None = None, functions: Sequence[FunctionTerm] | None = None
    ) -> PDE:
        """The terms that `keep` (field, term) marks, and the given functions.

        By default all terms that are not zero and all functions; with `keep` alone no functions.
        Raises EquationError for denominators that are too long to multiply.
        """
        if functions is None:
            functions = self.functions if keep is None else ()
        keep = self.coefficients != 0 if keep is None else keep
        ndim = len(self.jets[0].index)
        named = {term: self.monomial(term) for term in np.flatnonzero(keep.any(0)).tolist()}
        terms = {
            field: {
                named[term]: float(self.coefficients[f, term])
                for term in np.flatnonzero(keep[f]).tolist()
            }
            for f, field in enumerate(self.fields)
        }
        for unit in functions:
            table = terms[unit.field]
            for monomial, value in unit.terms(self.monomial).items():
                table[monomial] = table.get(monomial, 0.0) + value
        return PDE.from_terms(terms, AXES[:ndim])


def expansion(model: PDENet, degree: int | None = None) -> Expansion:
    """The polynomials that the SymNets of a model are, exact up to `degree`.

    Without a degree: the largest at which there are at most 2000 monomials (4 for twelve jets).
    """
    net, jets = model.symnet, model.filters.jets
    limit = 2**net.units if net.units < 6 else 64
    degree = degree or degree_within(len(jets), MOST_MONOMIALS, limit)
    table = monomials(len(jets), degree)
    linear = _array(net.linear) / _array(net.input_scale)
    bias, output, out = map(_array, (net.bias, net.output, net.output_scale))
    shares = [_array(p) for p in net.products]
    rows, functions = [], []
    for f, field in enumerate(model.filters.fields):
        made: list[np.ndarray] = []
        for unit in range(net.units):
            pair = []
            for side in range(2):
                row = 2 * unit + side
                p = table.linear(bias[f, row], linear[f, row])
                for earlier, product in enumerate(made):
                    p = p + shares[unit - 1][f, side, earlier] * product
                pair.append(p)
            made.append(table.multiply(*pair))
        total = table.linear(bias[f, -1], linear[f, -1])
        for weight, product in zip(output[f], made, strict=True):
            total = total + weight * product
        rows.append(out[f] * total)
        functions += _function_terms(net, f, field, table, made)
    return Expansion(
        model.filters.fields, jets, table.powers, np.stack(rows), degree, tuple(functions)
    )


def _function_terms(
    net: SymNet, f: int, field: str, table: Monomials, products: list[np.ndarray]
) -> list[FunctionTerm]:
    """The function units of equation f with a share in it, given its products as polynomials."""
    if not net.functions:
        return []
    scale = net.output_scale[f].item()
    slopes = _array(net.arguments[f]) / _array(net.input_scale)
    bias, weights = _array(net.argument_bias[f]), _array(net.argument_products[f])
    arguments = [
        table.linear(constant, slope)
        + sum(w * product for w, product in zip(row, products, strict=True))
        for constant, slope, row in zip(bias, slopes, weights, strict=True)
    ]
    found, first = [], 0
    for name, share in zip(net.functions, net.shares[f].tolist(), strict=True):
        last = first + len(FUNCTIONS[name])
        if share:
            found.append(FunctionTerm(field, name, scale * share, np.stack(arguments[first:last])))
        first = last
    return found


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().double().numpy()
    return array


def expand(model: PDENet, degree: int | None = None) -> PDE:
    """The PDE that a model is; exact up to `degree`, see `expansion`."""
    return expansion(model, degree).pde()


def assign(symnet: SymNet, jets: tuple[Jet, ...], pde: PDE) -> None:
    """Set the weights of a SymNet so that it is the right-hand sides of `pde`.

    Each product of d jets takes d - 1 units; products that begin alike share theirs. A sine, cosine
    or exponential of an affine argument takes a unit of that function.
    Raises DiscoveryError for other terms, and for too few units.
    """
    with torch.no_grad():
        for tensor in symnet.weights():
            tensor.zero_()
        for f, (field, terms) in enumerate(pde.numeric_terms().items()):
            scale = float(symnet.output_scale[f])
            units: dict[tuple[Jet, ...], int] = {}
            idle = list(range(len(symnet.functions)))
            for monomial, coefficient in terms.items():
                function = affine_function(monomial, pde.fields, pde.ndim)
                if function and isinstance(coefficient, float):
                    unit = _function_unit(symnet, f, jets, function, idle)
                    symnet.shares[f, unit] = coefficient / scale
                    continue
                factors = _factors(monomial, coefficient, field, pde, jets)
                value = float(coefficient) / scale
                if not factors:
                    symnet.bias[f, -1] += value
                elif len(factors) == 1:
                    v = jets.index(factors[0])
                    symnet.linear[f, -1, v] += value * symnet.input_scale[v]
                else:
                    symnet.output[f, _unit(symnet, f, jets, factors, units)] += value


def _factors(
    monomial: Monomial, coefficient: object, field: str, pde: PDE, jets: tuple[Jet, ...]
) -> tuple[Jet, ...]:
    powers = jet_powers(monomial, pde.fields, pde.ndim)
    if (
        powers is None
        or not isinstance(coefficient, float)
        or any(j not in jets for j, _ in powers)
    ):
        raise DiscoveryError(
            f"the term {coefficient}*{monomial} of {field}_t is no product of the jets "
            f"{', '.join(jet.name for jet in jets)} with a constant coefficient"
        )
    return tuple(jet for jet, power in powers for _ in range(power))


def _unit(
    symnet: SymNet,
    f: int,
    jets: tuple[Jet, ...],
    factors: tuple[Jet, ...],
    units: dict[tuple[Jet, ...], int],
) -> int:
    """The unit whose product is that of `factors`, made if need be."""
    if factors in units:
        return units[factors]
    earlier = _unit(symnet, f, jets, factors[:-1], units) if len(factors) > 2 else None
    unit = len(units)
    if unit >= symnet.units:
        raise DiscoveryError(
            f"the SymNet has {symnet.units} product units, too few for the terms of this PDE; "
            "use more units"
        )
    last = jets.index(factors[-1])
    symnet.linear[f, 2 * unit + 1, last] = symnet.input_scale[last]
    if earlier is None:
        first = jets.index(factors[0])
        symnet.linear[f, 2 * unit, first] = symnet.input_scale[first]
    else:
        symnet.products[unit - 1][f, 0, earlier] = 1.0
    units[factors] = unit
    return unit


def _function_unit(
    symnet: SymNet,
    f: int,
    jets: tuple[Jet, ...],
    function: tuple[str, dict[Jet | None, float]],
    idle: list[int],
) -> int:
    """A unit out of `idle` that is made this function, and taken from there."""
    name, argument = function
    found = [unit for unit in idle if symnet.functions[unit] == name]
    missing = [jet.name for jet in argument if jet is not None and jet not in jets]
    if not found or missing:
        raise DiscoveryError(
            f"the SymNet has no unit left for {name} of {', '.join(missing) or 'jets'}; its "
            f"functions are {', '.join(symnet.functions) or 'none'} of the jets "
            f"{', '.join(jet.name for jet in jets)}"
        )
    unit = found[0]
    idle.remove(unit)
    row = sum(len(FUNCTIONS[other]) for other in symnet.functions[:unit])
    for jet, slope in argument.items():
        if jet is None:
            symnet.argument_bias[f, row] = slope
        else:
            v = jets.index(jet)
            symnet.arguments[f, row, v] = slope * symnet.input_scale[v]
    return unit
